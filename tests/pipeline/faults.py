"""Sweeps of which a process is killed at a random moment, then continued: have they the results of an undisturbed one?

    python tests/pipeline/faults.py --runs 50 --seed 0

Every run starts the command, sends SIGKILL to one of its processes (in turn a worker, Ray's node process, Ray's head
process, the command itself) at a moment drawn from the time that an undisturbed one takes, and repeats the command. By
then it must be done, have left no process behind, and have stored exactly the records of an undisturbed run.
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
from pathlib import Path
from random import Random

import pandas as pd
from commands import Process, completed, descendants, records, start, still_running, uninterrupted
from conftest import write_checkpoint

LIMIT = 8
VICTIMS = {
    "worker": ("SliceTrial", "_Inner"),
    "raylet": ("raylet/raylet",),
    "GCS": ("gcs_server",),
    "driver": (),
}
GROUP = "+sweep.groups.g={grid: {seed: [1, 2, 3]}, set: {temperature: 0.7}}"
SMALL = [f"limit={LIMIT}", "slice_size=2", "gen_length=8", "block_length=4", "wandb=off", "cluster.workers=2"]
PATIENCE = 60.0  # seconds that a victim may take to appear, and that processes may take to end


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
            time.sleep(0.02)
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


def fault_of(
    asked: list[str], out: Path, expected: pd.DataFrame, kind: str, below: set[Process]
) -> str | None:
    """What is wrong after the command has been repeated; None if nothing is."""
    if left := still_running(below, PATIENCE):
        return f"left behind: {left}"
    code, shown, errors = completed(asked)
    if code or errors:
        return f"exit code {code}: {shown}{errors}"
    found = records(asked, out, LIMIT)
    return None if found.equals(expected) else f"other records after {kind}"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--runs", type=int, default=50)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    choice, ends, faults = Random(chosen.seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = write_checkpoint(Path(folder) / "model")
        first = words(checkpoint, Path(folder) / "whole")
        begun = time.monotonic()
        code, shown, errors = completed(first)
        length = time.monotonic() - begun
        assert code == 0, shown + errors
        whole = words(checkpoint, Path(folder) / "here")
        expected = uninterrupted(whole, Path(folder) / "here", LIMIT)
        assert records(first, Path(folder) / "whole", LIMIT).equals(expected), "the undisturbed run"
        for number in range(chosen.runs):
            kind = list(VICTIMS)[number % len(VICTIMS)]
            after = choice.uniform(0, length if kind == "driver" else length / 2)
            out = Path(folder) / str(number)
            asked = words(checkpoint, out)
            end, below = disturbed(asked, kind, after, choice)
            fault = fault_of(asked, out, expected, kind, below)
            faults += fault is not None
            ends[f"{kind} {end}"] += 1
            print(f"{number + 1}: {kind} after {after:.1f} s: {end}; {fault or 'equal'}", flush=True)
    for end, count in sorted(ends.items()):
        print(f"{count} x {end}")
    print(f"{chosen.runs} runs, {faults} faults (seed {chosen.seed})")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
