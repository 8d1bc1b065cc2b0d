"""Sweeps of which a process is killed at a random moment, then continued: have they the results of an undisturbed one?

    python -m tests.pipeline.faults --runs 50 --seed 0

Every run starts the command and sends SIGKILL to one of its processes (in turn the command itself, Ray's node
process, Ray's head process, a worker) at a random moment: in one round of four it is drawn from the time that an
undisturbed command takes, most of which is starting; in the next it is once some number of slices is stored. Then:

- The command has ended as it should: with 0 where only a worker was killed, and never with a traceback.
- No file in the store is unreadable, and whatever records it has are those of an undisturbed run.
- Where the command ended with 0, all of them are there, and the next run begins with an empty store. Otherwise the next
  run goes on from what this one kept: it is the same command, and is disturbed, too.

When all runs are over no process may be left: whatever a killed process leaves behind becomes a child of this one.

Each run is a line of the log, too. `--first 21` goes on with the twenty-first: a run draws by its own number.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pandas as pd

from pipeline.sandbox.jail import kernel
from pipeline.stop import DONE, FAILED
from pipeline.storage.store import Contents, Store
from tests.pipeline.commands import (
    UNSTEADY,
    completed,
    descendants,
    slices,
    start,
    still_running,
    uninterrupted,
)
from tests.pipeline.conftest import ROOT, write_checkpoint

LIMIT = 24
VICTIMS = {
    "driver": (),
    "raylet": ("raylet/raylet",),
    "GCS": ("gcs_server",),
    "worker": ("SliceTrial", "_Inner"),
}
# Ray is started again where it is lost while it starts.
ENDS = {"worker": (DONE,), "raylet": (DONE, FAILED), "GCS": (DONE, FAILED), "driver": (-signal.SIGKILL,)}
GROUP = "+sweep.groups.g={grid: {seed: [1, 2]}, set: {temperature: 0.7}}"
SMALL = [
    f"limit={LIMIT}",
    "slice_size=2",
    "gen_length=16",
    "block_length=8",
    "wandb=off",
    "cluster.workers=2",
]
LOOK = 0.1  # seconds between two looks at the machine's processes, each of which takes some time itself
SLICES = 24  # of both settings
PATIENCE = 60.0  # seconds that a victim may take to appear
LINGER = 90.0  # seconds that processes may take to end


def words(checkpoint: Path, out: Path) -> list[str]:
    return ["~sweep.groups.setting", GROUP, *SMALL, f"model.path={checkpoint}", f"out={out}"]


def victims(process: subprocess.Popen[str], kind: str) -> list[int]:
    if kind == "driver":
        return [process.pid]
    found = []
    for pid, _ in descendants(process.pid):
        with suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            if any(name in command for name in VICTIMS[kind]):
                found.append(pid)
    return sorted(found)


@dataclass(frozen=True)
class Disturbed:
    """How a command ended of which a process was killed, or should have been."""

    kind: str
    killed: bool  # False where none was left to kill
    code: int | None  # None: it did not end
    said: str

    @property
    def fault(self) -> str | None:
        allowed = ENDS[self.kind] if self.killed else (DONE,)
        if self.code in allowed and "Traceback" not in self.said:
            return None
        return f"a command that ended with {self.code}: {self.said}"

    def __str__(self) -> str:
        return f"{'killed' if self.killed else 'missed'}, then {self.code}"


def disturbed(asked: list[str], kind: str, moment: Callable[[], bool], choice: Random) -> Disturbed:
    """Starts the command and kills one of the kind once `moment` says so, if one of them is left then."""
    process = start(asked)
    try:
        until = time.monotonic() + PATIENCE
        while not victims(process, kind) and process.poll() is None and time.monotonic() < until:
            time.sleep(LOOK)
        while process.poll() is None and not moment():
            time.sleep(LOOK)
        killed = False
        if there := victims(process, kind) if process.poll() is None else []:
            with suppress(ProcessLookupError):
                os.kill(choice.choice(there), signal.SIGKILL)
                killed = True
        try:
            shown, errors = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            return Disturbed(kind, killed, None, "it still ran after 300 seconds")
        return Disturbed(kind, killed, process.returncode, shown + errors)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def after_seconds(seconds: float) -> Callable[[], bool]:
    """From the first question on."""
    begun: list[float] = []

    def moment() -> bool:
        begun.append(time.monotonic())
        return begun[-1] - begun[0] >= seconds

    return moment


def drawn(number: int, kind: str, length: float, out: Path, choice: Random) -> tuple[str, Callable[[], bool]]:
    """When to kill, in words and as a function."""
    if (number - 1) // len(VICTIMS) % 2 == 0:
        seconds = choice.uniform(0, length if kind == "driver" else length / 2)
        return f"after {seconds:.1f} s", after_seconds(seconds)
    there = slices(out)
    count = choice.randint(1, max(SLICES - there, 1))
    return f"after {count} more slices", lambda: slices(out) >= there + count


def fault_of(end: Disturbed, kept: Contents, expected: pd.DataFrame) -> str | None:
    """What is wrong with the command, or with what the store has now; None if nothing is."""
    if end.fault:
        return end.fault
    if kept.damaged:
        return f"unreadable files: {kept.damaged}"
    own = ["setting_id", "position"]
    there = expected if end.code == DONE else expected.merge(kept.records[own])
    return None if same(kept, there) else "other records"


def stored(out: Path, expected: pd.DataFrame) -> Contents:
    return Store(str(out / "store")).load(list(expected["setting_id"].unique()), LIMIT)


def same(found: Contents, expected: pd.DataFrame) -> bool:
    return bool(found.records.drop(columns=UNSTEADY).equals(expected))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--runs", type=int, default=50)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--first", type=int, default=1)
    options.add_argument("--log", type=Path, default=ROOT / "outputs" / "faults.log")
    chosen = options.parse_args()
    chosen.log.parent.mkdir(parents=True, exist_ok=True)
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    ends, faults = Counter[str](), 0
    with chosen.log.open("a") as log:

        def tell(line: str) -> None:
            for stream in (sys.stdout, log):
                print(line, file=stream, flush=True)

        tell(f"{datetime.now(UTC):%Y-%m-%d %H:%M} runs {chosen.first} to {chosen.runs}, seed {chosen.seed}")
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = write_checkpoint(Path(folder) / "model")
            expected, length = undisturbed(checkpoint, Path(folder))
            tell(f"undisturbed: {length:.0f} s, {len(expected)} records")
            out = Path(folder) / "first"
            for number in range(chosen.first, chosen.runs + 1):
                choice, begun = Random(f"{chosen.seed} {number}"), time.monotonic()
                kind = list(VICTIMS)[(number - 1) % len(VICTIMS)]
                when, moment = drawn(number, kind, length, out, choice)
                end = disturbed(words(checkpoint, out), kind, moment, choice)
                kept = stored(out, expected)
                fault = fault_of(end, kept, expected)
                faults += fault is not None
                ends[f"{kind} {end}"] += 1
                tell(
                    f"{number}/{chosen.runs} {kind} {when}: {end}; {len(kept.records)} records, "
                    f"{fault or 'equal'} ({time.monotonic() - begun:.0f} s)"
                )
                if fault:  # to be looked into
                    shutil.move(out, chosen.log.parent / f"fault-{chosen.seed}-{number}")
                if fault or end.code == DONE:
                    out = Path(folder) / f"after-{number}"
            code, shown, errors = completed(words(checkpoint, out))
            if code or errors or not same(stored(out, expected), expected):
                tell(f"the last one, undisturbed: {code}: {shown}{errors}")
                faults += 1
        if left := still_running(descendants(os.getpid()), LINGER):
            tell(f"left behind: {', '.join(command.strip() for command in left)}")
            faults += len(left)
        for line, count in sorted(ends.items()):
            tell(f"{count} x {line}")
        tell(f"{sum(ends.values())} runs, {faults} faults (seed {chosen.seed})")
    return int(faults > 0)


def undisturbed(checkpoint: Path, folder: Path) -> tuple[pd.DataFrame, float]:
    """The records of a run that nobody disturbs, equal to those of one without Ray, and its seconds."""
    out = folder / "whole"
    asked, begun = words(checkpoint, out), time.monotonic()
    code, shown, errors = completed(asked)
    length = time.monotonic() - begun
    assert code == 0, shown + errors
    expected = uninterrupted(words(checkpoint, folder / "here"), folder / "here", LIMIT)
    assert same(stored(out, expected), expected), "the undisturbed run"
    return expected, length


if __name__ == "__main__":
    sys.exit(main())
