"""What Tune does between two settings of a worker, which waits meanwhile."""

from __future__ import annotations

import inspect
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from pipeline.planning.assignment import Assignment
from pipeline.storage.store import Store
from tests.pipeline.workers.test_tune_search import scored, trial_of

pytestmark = pytest.mark.slow  # importing Ray takes seconds


def test_a_trial_asks_rays_head_for_nothing_and_copies_no_assignment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both would take milliseconds in which a worker waits for it."""
    import pipeline.workers.sweep  # noqa: F401  # sets what Ray reads first
    from pipeline.workers.tune_search import trial_class_read_once
    from ray.tune.experiment import trial  # isort: skip

    asked: list[str] = []
    for name in ("get_trainable_cls", "validate_trainable"):
        monkeypatch.setattr(trial, name, asked.append)
    for _ in range(2):  # another run of Tune may have another class of that name
        with trial_class_read_once():
            for _ in range(3):
                trial.get_trainable_cls("it")
                trial.validate_trainable("it")
    assert asked == ["it"] * 4
    setting: Any = SimpleNamespace(id="s0")
    assignment = Assignment(setting, ((0, 4),))
    assert deepcopy({"assignment": assignment})["assignment"] is assignment


class Unread:
    """A value of a config that can't be written out."""

    def __repr__(self) -> str:
        raise AssertionError("nobody reads it")


def making() -> Any:
    import pipeline.workers.sweep  # noqa: F401  # sets what Ray reads first
    from ray.tune.experiment import config_parser  # isort: skip

    return config_parser


def trial(**spec: Any) -> Any:
    parser = making()
    whole = {"run": "a", "max_failures": 3, **spec}
    return parser._create_trial_from_spec(whole, parser._make_parser(), stub=True, trial_id="1")


def test_a_trial_is_made_without_writing_its_config_out_and_is_as_tune_makes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parser = making()
    unread = Unread()
    assert trial(config={"a": unread}).config == {"a": unread}
    spec = {"config": {"a": 1}, "stop": {"b": 2}, "export_formats": [], "log_to_file": None}
    ours = trial(**spec)
    with monkeypatch.context() as patched:
        patched.setattr(parser, "_to_argv", inspect.getclosurevars(parser._to_argv).nonlocals["written"])
        assert "--config" in parser._to_argv(spec)
        theirs = trial(**spec)
    plain = (str, int, float, dict, list, tuple, type(None))
    read = {name for name, value in vars(ours).items() if isinstance(value, plain)}
    assert {name: vars(ours)[name] for name in read} == {name: vars(theirs)[name] for name in read}
    assert ours.max_failures == 3


def test_a_trial_asks_its_worker_nothing_until_it_has_a_result() -> None:
    own, worker = trial(), MagicMock()
    own.set_ray_actor(worker)
    assert own.temporary_state.ray_actor is worker and not worker.mock_calls
    assert own.last_result == {"trial_id": "1"}
    own.set_ray_actor(None)
    assert own.temporary_state.ray_actor is None


def test_a_release_with_other_trials_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    making()
    from pipeline.workers import hand_over

    monkeypatch.setattr(hand_over, "has", lambda *names: False)
    assert hand_over.unasked(SimpleNamespace) is SimpleNamespace


def test_all_trials_get_one_object_with_what_a_worker_takes() -> None:
    making()
    from pipeline.workers.capacity import Need
    from pipeline.workers.tune_search import Cores
    from ray.tune.execution.placement_groups import resource_dict_to_pg_factory  # isort: skip

    for cpus, gpus in ((1.0, 0.0), (2.0, 0.5)):
        cores = Cores.of(Need(cpus, gpus))
        assert cores == resource_dict_to_pg_factory({"cpu": cpus, "gpu": gpus})
        spec = deepcopy({"resources_per_trial": cores})
        assert trial(**spec)._default_placement_group_factory is cores


def test_a_workers_result_is_its_own_words_and_it_makes_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_made = trial_of(scored, Store(str(tmp_path)))
    from pipeline.workers.trial import SliceTrial

    monkeypatch.setattr(SliceTrial, "setup", lambda self, config: None)
    folder = tmp_path / "own"
    storage = SimpleNamespace(trial_fs_path="t", trial_working_directory=str(folder), persist_artifacts=int)
    own = SliceTrial({}, storage)  # type: ignore[no-untyped-call]
    vars(own).update(vars(as_made))
    own.reset(as_made.config, storage)  # type: ignore[no-untyped-call]
    result: Any = own.train()  # type: ignore[no-untyped-call]
    assert result["done"] and result["totals"].examples == 8
    assert set(result) == {"totals", "notes", "place", "done", "training_iteration"}
    assert not folder.exists()
