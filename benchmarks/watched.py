"""A sweep's command, watched from outside: when its first and its last slice are stored, and who uses the processors.

The store's files tell the times while it runs; afterwards they don't, as slices of whole settings are joined.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from time import sleep, time

LOOK_SECONDS = 0.1  # a slice is soon joined with others
READ_SECONDS = (
    0.5  # all processes take longer to look at, time that the command would have where all cores are busy
)
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Parts:
    """Seconds on the clock up to a sweep's first stored slice, from there to the last, and after it; and of processors,
    of the command and of all that it has started.
    """

    before: float
    between: float
    after: float
    processor: float

    @property
    def whole(self) -> float:
        return self.before + self.between + self.after


def watch(command: Sequence[str], folder: Path, store: Path, slice_size: int) -> Parts:
    """Runs it in that folder until it ends. Raises ValueError, with the end of what it said, if it fails."""
    start, used, stored = time(), dict[tuple[int, str], float](), dict[str, float]()
    read, changed = start, dict[str, int]()
    # A file, as a pipe that nobody reads would fill up.
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=said)
        while process.poll() is None:
            if time() >= read:
                read = time() + READ_SECONDS
                used |= processors(process.pid)
            stored |= slices(store, slice_size, changed)
            sleep(LOOK_SECONDS)
        whole = time() - start
        if process.returncode or not stored:
            said.seek(0)
            end = said.read()[-2000:]
            raise ValueError(f"{' '.join(command)}: exit code {process.returncode}\n{end}")
    first, last = min(stored.values()) - start, max(stored.values()) - start
    return Parts(first, last - first, whole - last, sum(used.values()))


def slices(store: Path, slice_size: int, changed: dict[str, int]) -> dict[str, float]:
    """When the slices were stored that are there now, but for joined ones, which are longer.

    Of folders that changed since the last look only; `changed` keeps when they did.
    """
    found = {}
    with suppress(FileNotFoundError):  # of the store, until it is made
        for folder in os.scandir(store / "slices"):
            if changed.get(folder.name) == (now := folder.stat().st_mtime_ns):
                continue
            changed[folder.name] = now
            for file in Path(folder).glob("*.parquet"):
                start, _, stop = file.stem.partition("-")
                if int(stop) - int(start) <= slice_size:
                    with suppress(FileNotFoundError):  # joined meanwhile
                        found[f"{folder.name}/{file.stem}"] = file.stat().st_mtime
    return found


def processors(root: int) -> dict[tuple[int, str], float]:
    """Processor seconds by now of that process and of all below it, by process and when it began."""
    parents, own = dict[int, int](), dict[int, tuple[str, float]]()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(name)] = int(words[1])
        own[int(name)] = words[19], (int(words[11]) + int(words[12])) / TICKS
    below, more = {root}, {root}
    while more:
        more = {pid for pid, parent in parents.items() if parent in more} - below
        below |= more
    return {(pid, own[pid][0]): own[pid][1] for pid in below if pid in own}
