"""The sandbox's time limit is of the program's own time, so that a busy machine fails no program."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sandbox import Limits, Outcome, Sandbox
from pipeline.sandbox.jail import supervisor
from pipeline.sandbox.jail.own_time import OwnTime, is_ready

RIVALS = 2
COMPUTES = "import time\nwhile time.process_time() < {}: pass"
STATES = st.sampled_from(["runs", "starves", "sleeps"])
SPELLS = st.lists(st.tuples(STATES, st.integers(1, 40)), max_size=12)  # in ticks


@given(SPELLS)
def test_only_waiting_for_a_processor_is_not_counted(spells: list[tuple[str, int]]) -> None:
    own, now, processor = OwnTime(0.0), 0.0, 0.0
    found, total = 0.0, 0.0
    for state, ticks in spells:
        for _ in range(ticks):
            now += 0.05
            processor += 0.05 * (state == "runs")
            total += 0.05 * (state != "starves")
            found = own.add(now, state != "sleeps", processor)
    ends = sum(state == "sleeps" for state, _ in spells)  # a tick in which it changes counts as ready
    assert total - 0.05 * ends - 1e-6 <= found <= total + 1e-6


def test_whether_a_process_would_run() -> None:
    assert is_ready(os.getpid())
    assert not is_ready(2**22 + 1)  # there is none


@pytest.fixture
def one_processor() -> Iterator[None]:
    """For this process and those that it starts."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(own)})
    yield
    os.sched_setaffinity(0, own)


@pytest.fixture
def rivals() -> Iterator[list[BaseProcess]]:
    """Not started; each never rests."""
    found = [multiprocessing.get_context("fork").Process(target=_spin, daemon=True) for _ in range(RIVALS)]
    yield list(found)
    for rival in found:
        if rival.is_alive():
            rival.kill()
            rival.join()


def _spin() -> None:
    while True:
        pass


@pytest.mark.slow
def test_a_busy_machine_fails_no_program_that_stays_within_its_time(
    one_processor: None, rivals: list[BaseProcess]
) -> None:
    limits = Limits(wall_seconds=0.5, cpu_seconds=1)
    with Sandbox("process", workers=1, limits=limits) as sandbox:
        for rival in rivals:
            rival.start()
        began = time.monotonic()
        outcome = sandbox.run(COMPUTES.format(0.3))
        took = time.monotonic() - began
        for rival in rivals:
            rival.kill()
        assert outcome.passed, outcome
        # They took their share: without rivals it takes 0.35 s or so.
        assert took > 0.42
        assert sandbox.run(COMPUTES.format(9)).reason == "timeout: 0.5 seconds"
        assert sandbox.run("import time\ntime.sleep(9)").reason == "timeout: 0.5 seconds"


class Printing(supervisor.Watch):
    """A program that prints every millisecond, by a clock of its own."""

    def __init__(self) -> None:
        self.now, self.looks = 0.0, list[float]()
        self._pid, self._channel = os.getpid(), MagicMock()
        self._limits = Limits()
        self._now = lambda: self.now

    def _begin(self) -> None:
        pass

    def _waiting_place(self) -> None:
        pass

    def _listen(self, seconds: float) -> bool:
        self.now += min(seconds, 0.001)
        return True

    def _judge(self, alive: bool, place: object) -> None:
        pass

    def _used_up(self, own: OwnTime) -> Outcome | None:
        self.looks.append(self.now)
        return Outcome("timeout") if len(self.looks) == 4 else None


def test_a_program_is_not_looked_at_whenever_it_prints() -> None:
    """It runs then: one that prints, and then waits, would never be seen to wait."""
    watch = Printing()
    assert watch.outcome().kind == "timeout"
    assert watch.looks == pytest.approx([0.05, 0.1, 0.15, 0.2], abs=0.002 * 4)


def test_where_a_program_is_hardly_let_run_its_outcome_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Printing()
    monkeypatch.setattr(watch, "_used_up", lambda own: None)
    with pytest.raises(OSError, match="too busy a machine: no outcome in 100 seconds"):
        watch.outcome()
    assert watch.now == pytest.approx(100, abs=0.1)


# Its processes would leave no account of what they used, so that its own time would stand nearly still.
UNCOUNTED = """
import os, signal, time
try: signal.signal(signal.SIGCHLD, signal.SIG_IGN)
except OSError: pass
while True:
    if os.fork() == 0:
        while time.process_time() < 0.05: pass
        os._exit(0)
    try: os.wait()
    except ChildProcessError: pass
"""


@pytest.mark.slow
def test_time_of_processes_that_have_ended_is_counted() -> None:
    with Sandbox("process", workers=1, limits=Limits(wall_seconds=9.0, cpu_seconds=1)) as sandbox:
        assert sandbox.run(UNCOUNTED).reason == "timeout: 1 seconds of CPU"
