"""A machine that lacks what settings need: the others do its work, and a setting that nobody can begin fails."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_backlog import backlog_of
from test_tune_search import trial_of

from axon import CheckpointError
from pipeline.evaluation.evaluate import Evaluator
from pipeline.planning.plan import make_setting
from pipeline.storage.store import Store
from pipeline.workers.aside import UNSETTLED_SECONDS, Aside, Unready

pytestmark = pytest.mark.slow  # importing Ray takes seconds


class Machines:
    """A cluster as Ray Tune sees it, without Ray: a trial goes to the first free worker, or to a new one."""

    def __init__(self, models: str, workers: list[int], lacking: list[set[str]]) -> None:
        import pipeline.workers.sweep  # noqa: F401  # sets what Ray reads first
        from pipeline.workers.tune_search import BacklogSearch

        self.backlog, self.lacking = backlog_of(list(models)), lacking
        self.aside = Aside(self.backlog, lambda: (sum(workers), len(workers)))
        self.search: Any = BacklogSearch(self.backlog, lambda: sum(workers) - self.aside.count, self.aside)
        self.slots = [
            machine for machine, count in enumerate(workers) for _ in range(count)
        ]  # not started yet
        self.free: list[int] = []
        self.trials: dict[str, tuple[int, Any]] = {}
        self.handed: list[int] = []  # to which machine, for each trial
        self.lines: list[str] = []

    def hand_out(self, pick: int) -> bool:
        """The next trial, if there is one. `pick`: which machine starts a worker, if none is free."""
        config = self.search.suggest(str(len(self.handed)))
        if not isinstance(config, dict):
            return False
        assert bool(self.free) == config["kept"]
        machine = self.free.pop(0) if self.free else self.slots.pop(pick % len(self.slots))
        self.trials[str(len(self.handed))] = machine, config["assignment"]
        self.handed.append(machine)
        return True

    def answer(self, trial: str) -> None:
        """A step of the trial, and whether it goes on."""
        machine, assignment = self.trials[trial]
        result: dict[str, Any] = {"totals": 1, "done": True}
        if self.aside.holds(trial) or assignment.setting.model in self.lacking[machine]:
            result = {"unready": Unready(str(machine), f"gpu{machine}", "no such folder"), "done": False}
        else:
            self.lines += self.aside.begun(assignment.setting.id)
        if result["done"] or not self.search.stays(trial, result):
            del self.trials[trial]
            self.search.on_trial_complete(trial, result)
            self.free.append(machine)

    def run(self, data: st.DataObject, late: bool = False) -> None:
        """`late`: now and then so much time passes that a worker waits no longer."""
        clock = [0.0]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pipeline.workers.aside.monotonic", lambda: clock[0])
            self._run(data, clock if late else [])

    def _run(self, data: st.DataObject, clock: list[float]) -> None:
        for _ in range(100):
            clock[:] = [each + data.draw(st.sampled_from([1.0, 100.0])) for each in clock]
            while self.hand_out(data.draw(st.integers(0, 9))):
                pass
            for trial in data.draw(st.permutations(sorted(self.trials))):
                self.answer(trial)
            if self.backlog.over and not self.trials:
                break
        assert self.backlog.over and not self.trials and not self.aside.count


@settings(deadline=None, max_examples=60)
@given(
    st.text("AB", min_size=1, max_size=9),
    st.lists(st.integers(1, 2), min_size=2, max_size=3),
    st.sets(st.sampled_from("AB"), min_size=1),
    st.booleans(),
    st.data(),
)
def test_where_one_machine_lacks_something_nothing_fails_and_its_workers_try_once(
    models: str, workers: list[int], lacking: set[str], late: bool, data: st.DataObject
) -> None:
    machines = Machines(models, workers, [lacking, *[set[str]() for _ in workers[1:]]])
    machines.run(data, late)
    assert machines.backlog.failures == {}
    assert set(machines.lines) <= {"gpu0 is set aside: no such folder"}
    if lacking == {"A", "B"} and not late:
        assert machines.handed.count(0) <= workers[0]


@settings(deadline=None, max_examples=60)
@given(
    st.text("AB", min_size=1, max_size=9),
    st.lists(st.integers(1, 2), min_size=1, max_size=3),
    st.booleans(),
    st.data(),
)
def test_what_no_machine_has_fails_and_the_rest_is_evaluated(
    models: str, workers: list[int], late: bool, data: st.DataObject
) -> None:
    machines = Machines(models, workers, [{"A"} for _ in workers])
    machines.run(data, late)
    doomed = {f"s{n}" for n, model in enumerate(models) if model == "A"}
    assert machines.backlog.failures == dict.fromkeys(doomed, "no such folder")
    assert machines.lines == []


def test_what_two_of_many_machines_cannot_begin_fails_and_both_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("pipeline.workers.aside.monotonic", lambda: clock[0])
    backlog = backlog_of(["A"], slices=1)
    aside = Aside(backlog, lambda: (4, 4))
    first, other = Unready("0", "gpu0", "no such folder"), Unready("1", "gpu1", "no such folder")
    assert aside.waits("1", backlog.take(), first)  # type: ignore[arg-type]
    again: Any = backlog.take()
    clock[0] = UNSETTLED_SECONDS - 1
    assert aside.waits("1", again, first)
    clock[0] = UNSETTLED_SECONDS + 1
    assert not aside.waits("1", again, first), "nobody has come to it for a while"
    aside.released("1")
    assert not aside.waits("2", again, other), "the second machine settles it"


def test_a_worker_that_waits_goes_on_when_no_other_machine_is_left() -> None:
    backlog, room = backlog_of(["A", "A"]), [(2, 2)]
    aside = Aside(backlog, lambda: room[0])
    assignment: Any = backlog.take("A", 2)  # type: ignore[arg-type]
    unready = Unready("0", "gpu0", "no such folder")
    assert aside.waits("1", assignment, unready) and aside.waits("1", assignment, unready)
    room[0] = (1, 1)
    assert not aside.waits("1", assignment, unready)


def test_a_worker_that_is_lost_while_it_waits_costs_its_setting_nothing() -> None:
    from pipeline.workers.sweep import Watch

    backlog = backlog_of(["A", "A"])
    aside = Aside(backlog, lambda: (2, 2))
    assignment: Any = backlog.take("A", 2)  # type: ignore[arg-type]
    assert aside.waits("1", assignment, Unready("0", "gpu0", "no such folder"))
    trial = SimpleNamespace(trial_id="1", config={}, error_file=None)
    Watch(backlog, SimpleNamespace(), SimpleNamespace(), aside).on_trial_error(0, [], trial)  # type: ignore[arg-type]
    assert aside.count == 0 and backlog.failures == {} and backlog.waiting == 4


@pytest.mark.parametrize(("ready", "may_wait"), [(False, True), (True, True), (False, False)])
def test_a_trial_waits_if_its_setting_could_not_be_begun_and_the_sweep_has_other_machines(
    ready: bool, may_wait: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise ValueError("no such folder")

    trial = trial_of(fails, Store(str(tmp_path)))
    trial._evaluator.ready, trial._worker.may_wait = ready, may_wait
    node = SimpleNamespace(get_node_id=lambda: "n0")
    monkeypatch.setattr("pipeline.workers.trial.ray.get_runtime_context", lambda: node)
    monkeypatch.setattr("pipeline.workers.trial.STEP_SECONDS", 0.0)
    first = trial.step()
    waits = may_wait and not ready
    assert first.get("unready") == (
        Unready("n0", platform.node(), "ValueError: no such folder") if waits else None
    )
    assert first["done"] is not waits and ("error" in first) is not waits
    if waits:
        assert trial.step() == {"unready": first["unready"], "done": False}


def test_an_evaluator_is_ready_once_a_settings_task_and_model_are_there(make_config: Any, judge: Any) -> None:
    setting = make_setting(make_config("task.name=judge"))
    evaluator = Evaluator(1)
    assert not evaluator.ready
    next(evaluator.slices(setting, [(0, 1)]))
    assert evaluator.ready
    gone = replace(setting, model=replace(setting.model, path="/gone"))
    with pytest.raises(CheckpointError):
        next(evaluator.slices(gone, [(0, 1)]))
    assert not evaluator.ready
