"""A pause of the whole job (SIGSTOP, a frozen container, Slurm's suspend) is nobody's time: it fails no answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from pipeline.sandbox.jail import clock
from pipeline.sandbox.jail.clock import STEP_SECONDS, Clock
from tests.pipeline.commands import descendants
from tests.pipeline.conftest import ROOT

PAUSE = (
    2.5  # seconds: more than what is waited for, and less than the program sleeps, which goes on meanwhile
)
RECEIVES = (
    "from pipeline.sandbox.jail.pipe import receive\nprint('waits', flush=True)\nprint(receive(0, 1.0))"
)
RUNS = """
from pipeline.sandbox import Limits, Sandbox
with Sandbox("process", workers=1, limits=Limits(wall_seconds=2)) as sandbox:
    print("waits", flush=True)
    print(sandbox.run("import time; time.sleep(3.5)").reason)
"""


def test_what_lies_between_two_looks_counts_as_a_step_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([5.0, 5.1, 5.2, 65.2, 65.25])
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: next(times)))
    now = Clock()
    assert [now() for _ in range(4)] == pytest.approx([0.1, 0.2, 0.2 + STEP_SECONDS, 0.25 + STEP_SECONDS])


def _say(process: subprocess.Popen[bytes]) -> None:
    time.sleep(0.1)  # not before it has looked at the clock again
    assert process.stdin
    process.stdin.write(b"\0\0\0\2{}")
    process.stdin.flush()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "after", "said"), [(RECEIVES, _say, "{}"), (RUNS, lambda process: None, "passed")]
)
def test_a_pause_is_not_waited(
    program: str, after: Callable[[subprocess.Popen[bytes]], None], said: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout and process.stdout.readline() == b"waits\n"
    time.sleep(0.5)
    everyone = [process.pid, *(pid for pid, _ in descendants(process.pid))]
    try:
        _signal(everyone, signal.SIGSTOP)
        time.sleep(PAUSE)
    finally:
        _signal(everyone, signal.SIGCONT)
    after(process)
    assert process.communicate(timeout=60)[0].decode().strip() == said


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)
