"""Programs that someone else ends are unscored; those that end themselves as if someone else did have failed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.sandbox import LEVELS, Limits, Sandbox, WorkerError
from pipeline.sandbox.jail.execution import Execution
from pipeline.sandbox.worker import Worker
from tests.pipeline.hostile import PRETENCES

PATIENCE = 15.0  # seconds


def opened(level: str, limits: Limits | None = None) -> Sandbox:
    try:
        return Sandbox(workers=1, limits=limits, level=level)
    except ConfigError as error:
        pytest.skip(f"level {level!r} is not available on this machine: {error}")


@pytest.fixture(scope="module", params=LEVELS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with opened(request.param) as sandbox:
        yield sandbox


@pytest.fixture(scope="module", params=LEVELS)
def roomy(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """For programs that use a second of a processor."""
    with opened(request.param, Limits(wall_seconds=30.0, cpu_seconds=2)) as sandbox:
        yield sandbox


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 2])
def test_a_program_that_is_killed_from_outside_has_not_failed(
    sandbox: Sandbox, times: int, number: signal.Signals
) -> None:
    """As by the machine's out-of-memory killer, or by a scheduler: it is run again; then its outcome is unknown."""
    if number == signal.SIGTERM and sandbox.level == "namespaces":
        pytest.skip("it reaches no program there")
    killed: set[int] = set()
    over = threading.Event()
    name = f"{os.getpid()}-victim"
    program = (
        f"import ctypes, time\nctypes.CDLL(None).prctl(15, {name.encode()!r})\ntime.sleep(1)"  # PR_SET_NAME
    )

    def kill() -> None:
        while len(killed) < times and not over.wait(0.02):
            for victim in set(named(name)) - killed:
                os.kill(victim, number)
                killed.add(victim)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        if times == 1:
            assert sandbox.run(program).passed
        else:
            with pytest.raises(WorkerError, match=rf"killed from outside \({number.name}\)"):
                sandbox.run(program)
    finally:
        over.set()
        killer.join()
    assert len(killed) == times and sandbox.run("assert False").kind == "exception"


@pytest.mark.slow
@pytest.mark.parametrize("name", PRETENCES)
def test_no_program_can_have_itself_left_unscored(name: str, roomy: Sandbox) -> None:
    """What it does to end is its own fault; a sandbox that takes it for another's raises WorkerError."""
    assert roomy.run(PRETENCES[name]).kind in ("exception", "killed", "timeout")


def test_what_a_program_has_started_ends_with_its_worker(sandbox: Sandbox) -> None:
    """As where the user interrupts it."""
    name = f"{os.getpid()}-below"
    program = (
        f"import ctypes, os, time\nctypes.CDLL(None).prctl(15, {name.encode()!r})\n"
        "for _ in range(3):\n    if os.fork() == 0:\n        break\ntime.sleep(60)"
    )
    worker = Worker(sandbox.level)

    def ask() -> None:
        with suppress(WorkerError):
            worker.ask(Execution(program))

    asking = threading.Thread(target=ask)
    asking.start()
    while len(named(name)) < 4:
        time.sleep(0.02)
    worker.close()
    asking.join()
    until = time.monotonic() + PATIENCE
    while named(name):
        assert time.monotonic() < until
        time.sleep(0.02)


def named(name: str) -> list[int]:
    """The processes of that name that have not ended."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if (process / "comm").read_text().strip() == name and (process / "exe").exists():
                found.append(int(process.name))
    return found
