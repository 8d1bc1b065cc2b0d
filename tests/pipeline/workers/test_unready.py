"""A worker's answers where its setting can't be begun: another machine may have what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from axon import CheckpointError
from pipeline.evaluation.evaluate import Evaluator
from pipeline.planning.plan import make_setting
from pipeline.storage.store import Store
from pipeline.workers.aside import Unready
from tests.pipeline.workers.test_tune_search import trial_of

pytestmark = pytest.mark.slow  # importing Ray takes seconds
GONE = "no such folder"


@pytest.mark.parametrize(
    ("lacks", "may_wait"), [("model", True), ("task", True), (None, True), ("model", False)]
)
def test_a_trial_waits_if_its_setting_could_not_be_begun_and_the_sweep_has_other_machines(
    lacks: Any, may_wait: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        trial._evaluator.lacks = lacks
        raise ValueError(GONE)

    trial = trial_of(fails, Store(str(tmp_path)))
    trial._worker.may_wait = may_wait
    monkeypatch.setattr("pipeline.workers.trial.STEP_SECONDS", 0.0)
    first = trial.step()
    waits = may_wait and lacks is not None
    unready = Unready(trial._place, lacks, f"ValueError: {GONE}")
    assert first.get("unready") == (unready if waits else None)
    assert first["done"] is not waits and ("error" in first) is not waits
    if waits:
        assert trial.step() == {"unready": Unready(trial._place), "place": trial._place, "done": False}


def test_a_trial_whose_store_does_not_answer_at_its_beginning_waits(tmp_path: Path) -> None:
    def fails(*_: Any) -> Any:
        raise OSError("no answer")

    store = Store(str(tmp_path))
    trial = trial_of(None, store)
    trial._worker.may_wait, store.any_scored = True, fails  # type: ignore[method-assign]
    trial._evaluator.lacks = None  # as the trial before has left it
    trial.reset_config(trial.config)
    assert trial.step()["unready"] == Unready(trial._place, "store", "OSError: no answer")


def test_a_trial_does_not_try_what_its_machine_or_worker_is_known_to_lack(tmp_path: Path) -> None:
    def fails(*_: Any) -> Any:
        raise AssertionError("tried")

    trial = trial_of(fails, Store(str(tmp_path)))
    for barred in ({trial._place.machine}, {trial._place, "elsewhere"}):
        trial.reset_config(trial.config | {"barred": frozenset(barred)})
        answer = trial.step()
        assert answer == {"unready": Unready(trial._place), "place": trial._place, "done": False}
    trial.reset_config(trial.config | {"barred": frozenset({"elsewhere"})})
    assert trial.step()["error"] == "AssertionError: tried"


def test_an_evaluator_knows_what_a_setting_lacks(make_config: Any, judge: Any) -> None:
    setting = make_setting(make_config("task.name=judge"))
    evaluator = Evaluator(1)
    assert evaluator.lacks == "store"
    next(evaluator.slices(setting, [(0, 1)]))
    assert evaluator.lacks is None
    gone = replace(setting, model=replace(setting.model, path="/gone"))
    with pytest.raises(CheckpointError):
        next(evaluator.slices(gone, [(0, 1)]))
    assert evaluator.lacks == "model"
    unknown = replace(setting, task=replace(setting.task, name="unknown"))
    with pytest.raises(ValueError):
        next(evaluator.slices(unknown, [(0, 1)]))
    assert evaluator.lacks == "task"


@pytest.mark.parametrize("may_wait", [True, False])
def test_a_worker_without_a_package_waits_if_the_sweep_has_other_machines(
    may_wait: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pipeline.workers.trial as module

    def missing() -> Any:
        raise RuntimeError("ModuleNotFoundError: No module named 'torch'")

    monkeypatch.setattr(module, "_what_decodes", missing)
    monkeypatch.setattr(module, "STEP_SECONDS", 0.0)
    context = SimpleNamespace(get_node_id=lambda: "n0")
    monkeypatch.setattr(module.ray, "get_runtime_context", lambda: context)
    config = trial_of(None, Store(str(tmp_path))).config
    worker = module.WorkerSettings(str(tmp_path), 1, 1, 1, "none", may_wait=may_wait)
    trial = object.__new__(module.SliceTrial)
    trial.config = config
    if not may_wait:
        with pytest.raises(RuntimeError, match="No module named 'torch'"):
            trial.setup(config, worker)
        return
    trial.setup(config, worker)
    told = {"place": trial._place, "done": False}
    line = "ModuleNotFoundError: No module named 'torch'"
    assert trial.step() == {"unready": Unready(trial._place, "packages", line)} | told
    assert trial.step() == {"unready": Unready(trial._place)} | told
    trial.reset_config(config)  # it may be handed another setting; it can't begin that either
    assert trial.step() == {"unready": Unready(trial._place)} | told
