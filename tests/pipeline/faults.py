"""Sweeps of which a process is killed at a random moment, then continued: have they the results of an undisturbed one?

    python tests/pipeline/faults.py --runs 50 --seed 0

Every run starts the command, sends SIGKILL to one of its processes (in turn a worker, Ray's node process, Ray's head
process, the command itself) at a moment drawn from the time that an undisturbed one takes, and repeats the command. By
then it must be done and have stored exactly the records of an undisturbed run. No process may be left in the end: those
of Ray's agents whose command was killed look for its dead head for more than a minute, so that nobody waits before.

Each run is a line of the log, too. `--first 21` goes on with the twenty-first: a run draws by its own number.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pandas as pd
from commands import UNSTEADY, Process, completed, descendants, records, start, still_running, uninterrupted
from conftest import ROOT, write_checkpoint

from pipeline.storage.store import Store

LIMIT = 8
VICTIMS = {
    "worker": ("SliceTrial", "_Inner"),
    "raylet": ("raylet/raylet",),
    "GCS": ("gcs_server",),
    "driver": (),
}
GROUP = "+sweep.groups.g={grid: {seed: [1, 2]}, set: {temperature: 0.7}}"
SMALL = [f"limit={LIMIT}", "slice_size=2", "gen_length=8", "block_length=4", "wandb=off", "cluster.workers=2"]
LOOK = 0.1  # seconds between two looks at the machine's processes, each of which takes some time itself
PATIENCE = 60.0  # seconds that a victim may take to appear
LINGER = 180.0  # seconds that processes may take to end


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


def disturbed(asked: list[str], kind: str, after: float, choice: Random) -> tuple[str, set[Process]]:
    """Starts the command and kills one of the kind, `after` seconds after the first of them is there, if it still runs.

    Returns what happened and which processes were below the command.
    """
    process = start(asked)
    try:
        until = time.monotonic() + PATIENCE
        while not victims(process, kind) and process.poll() is None and time.monotonic() < until:
            time.sleep(LOOK)
        with suppress(subprocess.TimeoutExpired):
            process.wait(after)
        below = descendants(process.pid)
        there = victims(process, kind) if process.poll() is None else []
        if there:
            with suppress(ProcessLookupError):
                os.kill(choice.choice(there), signal.SIGKILL)
        process.communicate(timeout=300)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return f"{'killed' if there else 'missed'}, then {process.returncode}", below


def fault_of(asked: list[str], out: Path, expected: pd.DataFrame) -> str | None:
    """What is wrong after the command has been repeated; None if nothing is."""
    code, shown, errors = completed(asked)
    if code or errors:
        return f"exit code {code}: {shown}{errors}"
    found = Store(str(out / "store")).load(list(expected["setting_id"].unique()), LIMIT).records
    return None if found.drop(columns=UNSTEADY).equals(expected) else "other records"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--runs", type=int, default=50)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--first", type=int, default=1)
    options.add_argument("--log", type=Path, default=ROOT / "outputs" / "faults.log")
    chosen = options.parse_args()
    chosen.log.parent.mkdir(parents=True, exist_ok=True)
    ends, faults, started = Counter[str](), 0, set[Process]()
    with chosen.log.open("a") as log:

        def tell(line: str) -> None:
            for stream in (sys.stdout, log):
                print(line, file=stream, flush=True)

        tell(f"{datetime.now(UTC):%Y-%m-%d %H:%M} runs {chosen.first} to {chosen.runs}, seed {chosen.seed}")
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = write_checkpoint(Path(folder) / "model")
            expected, length = undisturbed(checkpoint, Path(folder))
            tell(f"undisturbed: {length:.0f} s")
            for number in range(chosen.first, chosen.runs + 1):
                choice, begun = Random(f"{chosen.seed} {number}"), time.monotonic()
                kind = list(VICTIMS)[(number - 1) % len(VICTIMS)]
                after = choice.uniform(0, length if kind == "driver" else length / 2)
                out = Path(folder) / str(number)
                asked = words(checkpoint, out)
                end, below = disturbed(asked, kind, after, choice)
                started |= below
                fault = fault_of(asked, out, expected)
                faults += fault is not None
                ends[f"{kind} {end}"] += 1
                took = time.monotonic() - begun
                tell(
                    f"{number}/{chosen.runs} {kind} after {after:.1f} s: {end}; {fault or 'equal'} ({took:.0f} s)"
                )
        if left := still_running(started, LINGER):
            tell(f"left behind: {', '.join(command.strip() for command in left)}")
            faults += len(left)
        for end, count in sorted(ends.items()):
            tell(f"{count} x {end}")
        tell(f"{sum(ends.values())} runs, {faults} faults (seed {chosen.seed})")
    return int(faults > 0)


def undisturbed(checkpoint: Path, folder: Path) -> tuple[pd.DataFrame, float]:
    """The records of a run that nobody disturbs, equal to those of one without Ray, and its seconds."""
    asked, begun = words(checkpoint, folder / "whole"), time.monotonic()
    code, shown, errors = completed(asked)
    length = time.monotonic() - begun
    assert code == 0, shown + errors
    expected = uninterrupted(words(checkpoint, folder / "here"), folder / "here", LIMIT)
    assert records(asked, folder / "whole", LIMIT).equals(expected), "the undisturbed run"
    return expected, length


if __name__ == "__main__":
    sys.exit(main())
