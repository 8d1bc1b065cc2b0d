"""The command as a process of its own, ended in every way that a process can end, and what it leaves on the machine."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import read_config
from pipeline.planning.plan import Plan
from pipeline.storage.record_differences import IGNORED
from pipeline.storage.store import Store
from tests.conftest import EVEN
from tests.pipeline.conftest import ROOT, compose_tree, planned, sliced

LAUNCH = ROOT / "launch.py"
UNSTEADY = [name for name in IGNORED if name != "sandbox"]  # what differs from run to run
Process = tuple[int, str]  # a number, and when it was given: numbers are given again


def start(arguments: list[str], script: Path = LAUNCH, **environment: str) -> subprocess.Popen[str]:
    pipe, command = subprocess.PIPE, [sys.executable, str(script), *arguments]
    # Without what a Ray that this process has started left in its environment, such as a token.
    env = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")} | EVEN | environment
    # Its own session: a signal from a terminal or a scheduler reaches the whole group, and so does the test's.
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True, env=env)


def completed(arguments: list[str], script: Path = LAUNCH, **environment: str) -> tuple[int, str, str]:
    """Runs to the end: exit code, output, errors."""
    process = start(arguments, script, **environment)
    try:
        shown, errors = process.communicate(timeout=400)
    finally:  # also where the test itself is stopped: nothing may stay behind
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, shown, errors


ONE_AFTER_ANOTHER = """
import contextlib, io, json, sys
import launch

for words in json.loads(sys.argv[1]):
    sys.argv[1:], shown, errors = words, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(errors):
        code = launch.main()
    print(json.dumps([code, shown.getvalue(), errors.getvalue(), sorted(sys.modules)]))
"""


def in_one_process(
    commands: Sequence[Sequence[str]], folder: Path = ROOT, **environment: str
) -> list[tuple[int, str, str, set[str]]]:
    """Runs them one after another, as each takes seconds to import what all need: exit code, output, errors, and the
    modules that are imported by then."""
    words = [sys.executable, "-c", ONE_AFTER_ANOTHER, json.dumps(commands)]
    env = {**os.environ, **environment}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = map(json.loads, done.stdout.splitlines())
    return [(code, shown, errors, set(modules)) for code, shown, errors, modules in lines]


@dataclass(frozen=True)
class Ending:
    """How a command ended, and what was running below it before."""

    code: int
    shown: str
    errors: str
    seconds: float  # from the blow to the end
    below: set[Process]


def ended(
    arguments: list[str],
    out: Path,
    count: int,
    blow: Callable[[int], None],
    script: Path = LAUNCH,
    **environment: str,
) -> Ending:
    """Runs until `count` more slices are stored, then deals the blow to the process and waits for the end."""
    goal, process = slices(out) + count, start(arguments, script, **environment)
    below: set[Process] = set()
    try:
        while slices(out) < goal and process.poll() is None:
            time.sleep(0.05)
        below = descendants(process.pid)
        struck = time.monotonic()
        blow(process.pid)
        shown, errors = process.communicate(timeout=120)
    finally:  # also where the test itself is stopped: nothing may stay behind
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return Ending(process.returncode, shown, errors, time.monotonic() - struck, below)


def signalled(number: int) -> Callable[[int], None]:
    return lambda pid: os.killpg(pid, number)


def killed(*names: str) -> Callable[[int], None]:
    """SIGKILL to the first process below whose command says one of the names."""

    def blow(pid: int) -> None:
        for child, _ in sorted(descendants(pid)):
            command = _read(f"/proc/{child}/cmdline")
            if any(name in command for name in names):
                os.kill(child, signal.SIGKILL)
                return
        raise AssertionError(f"none of {names} runs")

    return blow


def slices(out: Path) -> int:
    return len(list(out.glob("store/slices/*/*.parquet")))


def plan_of(words: list[str]) -> Plan:
    return planned(read_config(compose_tree(*words)))


def records(words: list[str], out: Path, limit: int) -> pd.DataFrame:
    """What is stored, without what differs from run to run."""
    return Store(str(out / "store")).load(plan_of(words).settings, limit).records.drop(columns=UNSTEADY)


def uninterrupted(words: list[str], out: Path, limit: int) -> pd.DataFrame:
    """The same settings in this process, each in one go, without Ray."""
    store, evaluator = Store(str(out / "store")), Evaluator(32)
    for setting in plan_of(words).settings.values():
        store.write_slice(setting.id, 0, limit, sliced(evaluator, setting, 0, limit))
    return records(words, out, limit)


def descendants(pid: int) -> set[Process]:
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        if fields := _fields(int(name)):
            parents[int(name)] = (int(fields[1]), fields[19])
    found: set[int] = {pid}
    while more := {child for child, (parent, _) in parents.items() if parent in found} - found:
        found |= more
    return {(child, parents[child][1]) for child in found - {pid}}


def still_running(processes: set[Process], seconds: float = 20) -> list[str]:
    """Commands of those that haven't ended within some seconds."""
    until = time.monotonic() + seconds
    while left := [p for p in processes if (f := _fields(p[0])) and f[19] == p[1] and f[0] != "Z"]:
        if time.monotonic() > until:
            return [_read(f"/proc/{number}/cmdline") for number, _ in left]
        time.sleep(0.1)
    return []


def _fields(pid: int) -> list[str]:
    """State, parent, ..., start time: what follows the name in /proc/PID/stat."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _read(path: str) -> str:
    try:
        return Path(path).read_text().replace("\0", " ")
    except OSError:
        return ""


def free_job_id() -> str:
    """A Slurm job whose port on this machine is free: deploy/slurm.sh takes 20000 and the id's last four digits."""
    while True:
        with socket.socket() as probe:
            number = random.randrange(10_000)
            with suppress(OSError):
                probe.bind(("127.0.0.1", 20_000 + number))
                return str(20_000 + number)
