"""What a sweep takes beside its decoding: `python benchmarks/sweep_time.py [--values 4 --limit 50]`.

`anchor_budget` on the bundled model and `lists`, 11 settings at each value of the threshold, is run by one command into
a store of its own; then the same command again, which finds everything done; then single settings of it, each in a
fresh process. Of the latter a few are timed, and as many as the sweep has are computed from them. Last, how soon a
fresh process makes its first pass, against the time of importing torch and transformers, and two workers against one.
Seconds are on the clock, from start to end of a process; in brackets of processor time.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, time

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import load_line

ROOT = Path(__file__).resolve().parents[1]

VARIANTS = 11  # of anchor_budget: the base decoder, 4 x 2 of policy fixed, 2 of cover
ALONE = 3  # settings that are timed in a process of their own
IMPORTS = "import torch, transformers"
# Stops at the first pass and prints the seconds since the time that it is given.
FIRST_PASS = """
import os, sys, time
began = float(sys.argv.pop(1))
import launch
from axon.models.model import MaskedDiffusionModel
def forward(*_, **__):
    print(time.time() - began, flush=True)
    os._exit(0)
MaskedDiffusionModel.forward = forward
launch.main()
"""


@dataclass(frozen=True)
class Spent:
    """Seconds of a process: on the clock, and of processors."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:7.1f} s ({self.processor:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--values", type=int, default=4, help="thresholds; 11 settings at each")
    parser.add_argument("--limit", type=int, default=50, help="examples of each setting")
    parser.add_argument("--rounds", type=int, default=3, help="how often short processes are timed")
    asked = parser.parse_args()
    print(
        f"anchor_budget on lists, {asked.values * VARIANTS} settings x {asked.limit} examples, {load_line()}"
    )
    with TemporaryDirectory() as folder:
        _sweep(asked, folder)
        _start(asked, folder)
        _workers(asked, folder)


def _sweep(asked: argparse.Namespace, folder: str) -> None:
    count = asked.values * VARIANTS
    thresholds = [round(0.5 + 0.45 * place / asked.values, 3) for place in range(asked.values)]
    sweep = ["sweep=anchor_budget", f"trade_off.values={thresholds}".replace(" ", ""), *_words(asked, folder)]
    whole = _launch(sweep)
    print(f"\none sweep                          {whole}", flush=True)
    again = [_launch(sweep) for _ in range(asked.rounds)]
    print(f"the same again, finished           {_middle(again)}", flush=True)
    alone = []
    for place in range(ALONE):
        words = [f"axon.anchors={place + 2}", "decoder.threshold=0.7"]
        alone.append(_launch([*words, *_words(asked, f"{folder}/alone{place}")]))
    one = _middle(alone)
    print(f"a fresh process for one setting    {one}   median of {ALONE}")
    print(f"{count} of them, computed             {Spent(count * one.wall, count * one.processor)}"
          f"   {count * one.wall / whole.wall:.1f} x the sweep", flush=True)  # fmt: skip


def _start(asked: argparse.Namespace, folder: str) -> None:
    imports, first = [], []
    for number in range(asked.rounds):
        imports.append(_run(["-c", IMPORTS])[0].wall)
        words = [*_words(asked, f"{folder}/first{number}")]
        first.append(float(_run(["-c", FIRST_PASS, str(time()), *words])[1].split()[-1]))
    print(f"\nimporting torch and transformers   {median(imports):7.1f} s")
    print(f"from start to the first pass       {median(first):7.1f} s"
          f"   {median(first) / median(imports):.2f} x the imports", flush=True)  # fmt: skip


def _workers(asked: argparse.Namespace, folder: str) -> None:
    """A sweep long enough that Ray's start does not decide."""
    walls = []
    for workers in (1, 2):
        words = ["sweep=anchor_budget", "task=pycode", "trade_off.values=[0.5,0.6,0.7,0.8]", "limit=100"]
        words += [*_words(asked, f"{folder}/{workers}")[2:], f"cluster.workers={workers}"]
        spent = _launch(words)
        walls.append(spent.wall)
        print(
            f"pycode, {workers} worker{'s' * (workers > 1)}                   {spent.wall:7.1f} s", flush=True
        )
    print(f"{walls[0] / walls[1]:.2f} x as fast with two", flush=True)


def _words(asked: argparse.Namespace, folder: str) -> list[str]:
    places = [f"out={folder}/out", f"store={folder}/store", "wandb=off"]
    return ["task=lists", f"limit={asked.limit}", *places]


def _middle(spent: Sequence[Spent]) -> Spent:
    return Spent(median(one.wall for one in spent), median(one.processor for one in spent))


def _launch(words: list[str]) -> Spent:
    return _run(["launch.py", *words])[0]


def _run(words: list[str]) -> tuple[Spent, str]:
    """Python on the words, and what it printed. Ends this run if it fails."""
    used, start = _of_children(), perf_counter()
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    spent = Spent(perf_counter() - start, _of_children() - used)
    if done.returncode:
        sys.exit(
            f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )
    return spent, done.stdout


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
