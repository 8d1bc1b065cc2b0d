"""A sweep whose workers don't start says after a while for which machine it waits, and what to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from pipeline.workers.aside import Unready
from pipeline.workers.stall import AGAIN, PATIENCE, Stall
from tests.pipeline.workers.test_aside import GONE, aside_of, place

pytestmark = pytest.mark.slow  # importing Ray takes seconds


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_line_names_the_machine_what_the_others_lack_and_the_remedy() -> None:
    """gpu1 lacks the model; gpu0 is full of other jobs, and the worker that is to start there doesn't."""
    from pipeline.workers.sweep import Watch

    backlog, aside, _ = aside_of("A", 2, 2)
    clock, display, apart = Clock(), MagicMock(), []

    def full(ids: Any) -> list[str]:
        apart.append(ids)
        return ["gpu0"]

    watch = Watch(backlog, display, MagicMock(), aside, Stall(aside, full, clock))
    trial: Any = SimpleNamespace(trial_id="1", config={}, error_file=None)
    assignment = backlog.take("A", 2)
    watch.on_trial_start(0, [], trial)
    clock.now += 2 * PATIENCE
    watch.on_step_begin(0, [])
    assert not display.note.called, "a worker that decodes, or loads a model, is no stall"
    assert aside.waits("1", assignment, Unready(place(1), "model", GONE))
    assert backlog.take() and backlog.taken, "for a worker that starts elsewhere"
    watch.on_step_begin(0, [])
    clock.now += PATIENCE - 1
    watch.on_step_begin(0, [])
    assert not display.note.called and not apart
    clock.now += 1
    watch.on_step_begin(0, [])
    [line] = display.note.call_args.args
    assert line == (
        "no worker has started for 60 seconds: all room on gpu0 is taken, by other Ray jobs or a worker that is slow "
        "to start (`ray status` there shows it); end what holds it, or give the others what they lack (no such folder "
        "(on gpu1)): the sweep goes on by itself"
    )
    assert apart == [{"n1"}], "what our own worker holds is no other job's"
    watch.on_trial_start(0, [], SimpleNamespace(trial_id="2"))  # one has started
    watch.on_step_begin(0, [])
    watch.on_trial_complete(0, [], SimpleNamespace(trial_id="2"))
    watch.on_step_begin(0, [])
    assert display.note.call_count == 1


def test_machines_are_looked_at_now_and_then_and_nothing_is_said_where_there_is_room() -> None:
    _, aside, _ = aside_of("A", 1, 1)
    clock, looks, names = Clock(), [], []

    def full(ids: Any) -> list[str]:
        looks.append(clock.now)
        return names

    stall = Stall(aside, full, clock)
    for _ in range(100):
        assert stall.line(True) is None
        clock.now += 1
    assert looks == [1000 + PATIENCE + turn * AGAIN for turn in range(4)]
    names += [f"gpu{n}" for n in range(10)]
    clock.now += AGAIN
    line = stall.line(True)
    assert line and "gpu7 and 2 more is taken" in line and "or add a machine: " in line
    assert stall.line(False) is None and stall.line(True) is None, "patience begins anew"


def test_a_machine_is_full_where_it_has_room_for_a_worker_and_none_of_it_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pipeline.inputs.config import ClusterSettings
    from pipeline.workers import cluster

    nodes = [
        {"NodeID": name, "NodeManagerHostname": f"gpu-{name}", "Resources": {"CPU": cpus}}
        for name, cpus in (("a", 4.0), ("b", 4.0), ("c", 1.0), ("d", 4.0))
    ]
    free = {"a": {"CPU": 1.0}, "b": {"CPU": 2.0}, "d": {"memory": 3.0}}  # Ray leaves out what is 0
    monkeypatch.setattr(cluster, "_nodes", lambda: nodes)
    monkeypatch.setattr(cluster, "free_resources", lambda: free)
    ground = object.__new__(cluster.Ground)
    ground._cluster = ClusterSettings("auto", None, 2, 0)
    assert ground.full(frozenset()) == ["gpu-a", "gpu-d"] and ground.full({"a"}) == ["gpu-d"]
    monkeypatch.setattr(cluster, "free_resources", dict)
    assert ground.full(frozenset()) == [], "where Ray doesn't tell, nothing is said"
