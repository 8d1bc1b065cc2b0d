"""A machine that lacks what settings need: the others do its work, and a setting that nobody can begin fails."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.workers.aside import Aside, Place, Room, Unready
from tests.pipeline.planning.test_backlog import backlog_of

pytestmark = pytest.mark.slow  # importing Ray takes seconds
GONE = "no such folder"


def place(machine: int, process: int = 0) -> Place:
    return Place(f"n{machine}", process, f"gpu{machine}")


class Machines:
    """A cluster as Ray Tune sees it, without Ray: a trial goes to the first free worker, or to a new one.

    That one starts late; a worker that gets free meanwhile takes its trial.
    """

    def __init__(self, models: str, workers: list[int], lacking: list[set[str]]) -> None:
        import pipeline.workers.sweep  # noqa: F401  # sets what Ray reads first
        from pipeline.workers.tune_search import BacklogSearch

        self.backlog, self.lacking = backlog_of(list(models)), lacking
        self.there = list(range(len(workers)))  # machines that are left
        self.workers = workers
        self.aside = Aside(self.backlog, self.room)
        self.search: Any = BacklogSearch(
            self.backlog, lambda: self.room().workers - self.aside.count, self.aside
        )
        self.slots = [place(m, n) for m, count in enumerate(workers) for n in range(count)]  # not started yet
        self.free: list[Place] = []
        self.new: dict[str, Any] = {}  # trials that wait for a new worker, by id
        self.trials: dict[str, tuple[Place, Any]] = {}  # that run
        self.number = 0
        self.tries: dict[
            tuple[Place, str], int
        ] = {}  # of a worker that lacks a model: trials suggested by then
        self.done: list[tuple[Place, str]] = []
        self.lines: set[str] = set()

    def room(self) -> Room:
        return Room(sum(self.workers[m] for m in self.there), frozenset(f"n{m}" for m in self.there))

    def hand_out(self, pick: int) -> None:
        """All trials that there are. `pick`: which machine starts a worker, if none is free."""
        while isinstance(config := self.search.suggest(str(self.number)), dict):
            self.new[str(self.number)] = config
            self.number += 1
        for trial in sorted(self.new, key=lambda trial: (not self.new[trial]["kept"], int(trial))):
            if self.free:
                self.trials[trial] = self.free.pop(0), self.new.pop(trial)
        if self.new and self.slots:
            trial = next(iter(self.new))
            self.trials[trial] = self.slots.pop(pick % len(self.slots)), self.new.pop(trial)

    def answer(self, trial: str) -> None:
        """A step of the trial, and whether it goes on."""
        own, config = self.trials[trial]
        assignment, machine = config["assignment"], int(own.machine[1:])
        model = assignment.setting.model
        result: dict[str, Any] = {"totals": None, "place": own, "done": False}
        if self.aside.holds(trial) or not config["barred"].isdisjoint((own, own.machine)):
            result["unready"] = Unready(own)
        elif model in self.lacking[machine]:
            assert int(trial) < self.tries.setdefault((own, model), self.number), "suggested in spite of that"
            result["unready"] = Unready(own, "model", f"{model}: {GONE}")
        else:
            result["done"] = True
            self.done.append((own, assignment.setting.id))
        if not self.search.stays(trial, result) or result["done"]:
            del self.trials[trial]
            self.search.on_trial_complete(trial, result)
            self.free.append(own)
        if result["done"]:
            self.lines.update(self.aside.begun(own, assignment.setting))

    def leaves(self, machine: int) -> None:
        """It is switched off. What its workers had is lost."""
        self.there.remove(machine)
        self.free = [own for own in self.free if own.machine != f"n{machine}"]
        self.slots = [own for own in self.slots if own.machine != f"n{machine}"]
        for trial, (own, config) in list(self.trials.items()):
            if own.machine == f"n{machine}":
                del self.trials[trial]
                self.search.on_trial_complete(trial, error=True)
                if self.aside.holds(trial):
                    self.aside.released(trial)
                else:
                    self.backlog.lost(config["assignment"], "gone", begun=False)

    def run(self, data: st.DataObject, leaves: int | None = None) -> None:
        leave = data.draw(st.integers(0, 12))
        for turn in range(300):
            if turn == leave and leaves is not None:
                self.leaves(leaves)
            self.hand_out(data.draw(st.integers(0, 9)))
            for trial in data.draw(st.permutations(sorted(self.trials))):
                self.answer(trial)
            if self.backlog.over and not self.trials:
                break
        assert self.backlog.over and not self.trials and not self.aside.count


MODELS = st.text("ABC", min_size=1, max_size=9)
WORKERS = st.lists(st.integers(1, 2), min_size=1, max_size=4)


@settings(deadline=None, max_examples=200)
@given(MODELS, WORKERS, st.data())
def test_a_setting_fails_only_if_no_machine_has_its_model_and_no_worker_tries_twice(
    models: str, workers: list[int], data: st.DataObject
) -> None:
    lacking = [data.draw(st.sets(st.sampled_from("ABC"))) for _ in workers]
    machines = Machines(models, workers, lacking)
    machines.run(data)
    nowhere = set.intersection(*lacking)
    doomed = {f"s{n}" for n, model in enumerate(models) if model in nowhere}
    assert machines.backlog.failures.keys() == doomed
    for line in machines.backlog.failures.values():
        assert line.count(GONE) == 1 and all(f"gpu{m}" in line for m in range(len(workers))), line
    assert {sid for _, sid in machines.done} == {f"s{n}" for n in range(len(models))} - doomed


@settings(deadline=None, max_examples=100)
@given(MODELS, st.data())
def test_what_only_a_machine_that_leaves_had_fails_and_nothing_else(models: str, data: st.DataObject) -> None:
    machines = Machines(models, [1, data.draw(st.integers(1, 2)), 2], [{"A"}, {"A", "B"}, set()])
    machines.run(data, leaves=2)
    left = {sid for sid, line in machines.backlog.failures.items()}
    assert left <= {f"s{n}" for n, model in enumerate(models) if model == "A"}
    done = {sid for _, sid in machines.done}
    assert left | done == {f"s{n}" for n in range(len(models))}


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 6), st.data())
def test_where_each_machine_has_another_model_each_does_its_own(count: int, data: st.DataObject) -> None:
    machines = Machines("AB" * count, [1, 1], [{"B"}, {"A"}])
    machines.run(data)
    assert machines.backlog.failures == {}
    assert {(own.name, int(sid[1:]) % 2) for own, sid in machines.done} <= {("gpu0", 0), ("gpu1", 1)}
    assert len(machines.tries) <= 2
    told = {f"gpu{m} is set aside for such settings: {model}: {GONE}" for m, model in enumerate("BA")}
    assert machines.lines <= told


def aside_of(models: str, workers: int, machines: int) -> tuple[Any, Aside, list[Room]]:
    room = [Room(workers, frozenset(f"n{m}" for m in range(machines)))]
    backlog = backlog_of(list(models))
    return backlog, Aside(backlog, lambda: room[0]), room


def test_what_no_machine_can_begin_fails_with_its_reasons_machines_and_remedy() -> None:
    backlog, aside, _ = aside_of("A", 3, 3)
    for machine, line in enumerate([GONE, GONE, "too large"]):
        aside.waits(str(machine), backlog.take(), Unready(place(machine), "model", line))
        assert len(aside.given_up()) == (machine == 2)
    assert backlog.failures == {
        "s0": "model.path='A': no such folder (on gpu0, gpu1); too large (on gpu2); no machine that is left can begin "
        "it: give one of them what it lacks, or add a machine that has it, and run the same command"
    }


def test_a_worker_that_waits_goes_on_when_no_other_machine_is_left() -> None:
    backlog, aside, room = aside_of("AA", 2, 2)
    assignment = backlog.take("A", 2)
    assert aside.waits("1", assignment, Unready(place(0), "model", GONE))
    assert aside.waits("1", assignment, Unready(place(0)))
    assert aside.given_up() == []
    room[0] = Room(1, frozenset({"n0"}))
    assert not aside.waits("1", assignment, Unready(place(0)))
    assert aside.given_up() == ["s1", "s0"]


def test_a_worker_that_waits_makes_room_for_what_a_machine_that_left_was_to_begin() -> None:
    """Ray has nowhere else to start a worker for it."""
    backlog, aside, room = aside_of("AA", 2, 2)
    lacking = backlog.take("A", 2)
    assert aside.waits("1", lacking, Unready(place(0), "model", GONE))
    while backlog.take():
        pass
    room[0] = Room(backlog.taken + 1, room[0].machines)
    assert aside.waits("1", lacking, Unready(place(0)))
    room[0] = Room(backlog.taken, room[0].machines)
    assert not aside.waits("1", lacking, Unready(place(0)))


def test_a_machine_that_comes_back_is_tried_again() -> None:
    """Its node has another id then."""
    backlog, aside, room = aside_of("A", 2, 2)
    setting = backlog.settings_waiting()[0]
    aside.waits("1", backlog.take(), Unready(place(0), "model", GONE))
    assert aside.barred(setting) == {"n0"} and aside.able(place(1), setting)
    room[0] = Room(2, frozenset({"n1", "n2"}))
    assert aside.able(place(2), setting) and not aside.able(place(0), setting)


def test_where_one_worker_of_a_machine_has_what_another_lacks_the_machine_is_not_barred() -> None:
    """Such as two GPUs, of which someone else has filled one."""
    backlog, aside, _ = aside_of("AA", 2, 1)
    first, other = backlog.take("A", 2), backlog.take("A", 2)
    assert aside.begun(place(0, 1), first.setting) == []
    aside.waits("2", other, Unready(place(0, 2), "model", GONE))
    assert backlog.failures == {} and aside.barred(other.setting) == {place(0, 2)}
    [line] = aside.begun(place(0, 1), first.setting)
    assert line == f"a worker on gpu0 is set aside for such settings: {GONE}"
    backlog.finished(first)
    aside.waits("2", other, Unready(place(0, 2)))
    assert backlog.failures == {}, "the first worker is free"


def test_where_every_worker_that_there_is_room_for_is_set_aside_what_waits_fails() -> None:
    """The only one that had it on its machine is lost, and the one in its place finds no more room for it."""
    backlog, aside, _ = aside_of("AA", 2, 1)
    first, other = backlog.take("A", 2), backlog.take("A", 2)
    aside.begun(place(0, 1), first.setting)
    aside.waits("2", other, Unready(place(0, 2), "model", GONE))
    backlog.lost(first, "gone", begun=False)
    assert aside.waits("2", other, Unready(place(0, 2))) and backlog.failures == {}
    aside.waits("3", backlog.take(), Unready(place(0, 3), "model", GONE))
    assert backlog.failures.keys() == {"s0", "s1"} and backlog.waiting == 0


def test_a_worker_that_lacks_a_model_gets_settings_of_the_others_first() -> None:
    from pipeline.workers.tune_search import BacklogSearch

    backlog, aside, _ = aside_of("ABBBC", 2, 2)
    search: Any = BacklogSearch(backlog, lambda: 1, aside)
    own = {"place": place(0)}
    assert search.suggest("1")["setting"] == "s1", "most are of B"
    unready = own | {"unready": Unready(place(0), "model", GONE)}
    assert not search.stays("1", unready), "others wait"
    search.on_trial_complete("1", unready)
    for trial in "23":
        assert search.suggest(trial)["setting"] in ("s0", "s4")
        search.on_trial_complete(trial, own)
    assert search.suggest("4")["barred"] == {"n0"}, "nothing else waits: it is told not to try"


def test_a_store_that_one_setting_did_not_reach_bars_no_other() -> None:
    backlog, aside, _ = aside_of("AA", 2, 2)
    assignment = backlog.take("A", 2)
    assert not aside.waits("1", assignment, Unready(place(0), "store", "no answer"))
    barred = {setting.id: aside.barred(setting) for setting in backlog.settings_waiting()}
    assert barred == {"s1": frozenset(), "s0": {"n0"}}


def test_a_machine_without_a_package_begins_no_setting_and_the_others_do_all() -> None:
    backlog, aside, _ = aside_of("AB", 2, 2)
    assert aside.waits("1", backlog.take("A", 2), Unready(place(0), "packages", "no torch"))
    assert [aside.barred(setting) for setting in backlog.settings_waiting()] == [{"n0"}, {"n0"}]
    assignment = backlog.take("B", 2)
    assert aside.begun(place(1), assignment.setting) == ["gpu0 is set aside: no torch"]
    backlog.lost(assignment, "gone", begun=False)
    assert not backlog.failures


def test_what_fails_as_no_machine_has_a_package_names_no_model() -> None:
    backlog, aside, _ = aside_of("A", 1, 1)
    aside.waits("1", backlog.take("A", 1), Unready(place(0), "packages", "no torch"))
    assert backlog.failures["s0"].startswith("no torch (on gpu0); no machine that is left can begin it: give")


def test_a_worker_that_is_lost_while_it_waits_costs_its_setting_nothing() -> None:
    from pipeline.workers.sweep import Watch

    backlog, aside, _ = aside_of("AA", 2, 2)
    assignment = backlog.take("A", 2)
    assert aside.waits("1", assignment, Unready(place(0), "model", GONE))
    trial = SimpleNamespace(trial_id="1", config={}, error_file=None)
    Watch(backlog, SimpleNamespace(), SimpleNamespace(), aside).on_trial_error(0, [], trial)  # type: ignore[arg-type]
    assert aside.count == 0 and backlog.failures == {} and backlog.waiting == 4
