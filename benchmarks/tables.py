"""What decoding and sweeping cost, in five tables: `python benchmarks/tables.py [--tables 1 3]` (`make bench`).

Every table is what scripts of this folder print, run one after another with sizes such that all of it takes less than
ten minutes on two idle cores; each runs by itself, too, with larger ones (--help). Compared are times taken in turns
within one run. Ends with 1 where decodes differ that should not.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import load_line
from pipeline.jobs.display import clock

FOLDER = Path(__file__).resolve().parent
UNCACHED = ("LLaDA, fixed steps", "Fast-dLLM, threshold", "DAWN", "AXON over threshold", "AXON over DAWN")
CACHED = ("Fast-dLLM, prefix cache", "Fast-dLLM, dual cache")


@dataclass(frozen=True)
class Script:
    """A script of this folder, its words, and about how many seconds it takes on two idle cores."""

    name: str
    words: tuple[str, ...]
    seconds: int


TABLES: dict[int, tuple[str, tuple[Script, ...]]] = {
    1: (
        "The exact block cache: SDAR's kind without and with it; SDAR's own loop against ours",
        (
            Script("block_cache.py", ("--tokens", "32", "--rounds", "0"), 30),
            Script("releases.py", ("--size", "sdar", "--batch", "1", "--rounds", "2"), 12),
        ),
    ),
    2: (
        "Prefix and dual cache: Fast-dLLM's loops against ours",
        (
            Script("releases.py", ("--size", "tiny", "--loops", *CACHED), 10),
            Script("releases.py", ("--size", "wide", "--batch", "1", "--rounds", "1", "--loops", *CACHED), 15),
            Script("releases.py", ("--size", "wide", "--batch", "8", "--rounds", "0", "--loops", CACHED[1]), 70),
        ),
    ),
    3: (
        "No wasted work: the releases' loops against ours, and what of a pass is neither body nor lm_head",
        (
            Script("releases.py", ("--size", "tiny", "--loops", *UNCACHED), 25),
            Script("releases.py", ("--size", "wide", "--batch", "1", "--rounds", "1", "--loops", *UNCACHED), 50),
            Script("releases.py", ("--size", "wide", "--batch", "8", "--rounds", "0", "--loops", UNCACHED[1]), 70),
            Script("pass_share.py", ("--batch", "1", "8", "--tokens", "64"), 50),
        ),
    ),
    4: ("Batches that stay full", (Script("batching.py", ("--rounds", "1"), 25),)),
    5: ("The sweep's own time", (Script("sweep_time.py", ("--rounds", "2"), 180),)),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=int, nargs="+", choices=TABLES, default=list(TABLES), help="which")
    asked = parser.parse_args()
    scripts = [(number, script) for number in asked.tables for script in TABLES[number][1]]
    begun, expected, failed = perf_counter(), 0, []
    for place, (number, script) in enumerate(scripts):
        title, own = TABLES[number]
        if script is own[0]:
            print(f"\n== Table {number}. {title}", flush=True)
        left = sum(other.seconds for _, other in scripts[place:])
        spent = perf_counter() - begun
        pace = spent / expected if expected else 1.0
        _tell(f"[{place + 1} of {len(scripts)}: {script.name} · {load_line()} · {clock(pace * left)} left]")
        if _run([script.name, *script.words]):
            failed.append(script.name)
        expected += script.seconds
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"\n{clock(perf_counter() - begun)}, {used.ru_utime + used.ru_stime:.0f} s of processors, {load_line()}"
    )
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def _tell(line: str) -> None:
    """Progress goes beside the tables."""
    print(line, file=sys.stderr, flush=True)


def _run(words: Sequence[str]) -> int:
    name, *rest = words
    return subprocess.run([sys.executable, str(FOLDER / name), *rest], check=False).returncode


if __name__ == "__main__":
    main()
