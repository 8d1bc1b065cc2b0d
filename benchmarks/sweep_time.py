"""What a sweep takes beside its decoding: `python benchmarks/sweep_time.py [--values 4 --limit 50 --parts workers]`.

`anchor_budget` on the bundled model and `lists`, a grid of 11 settings at each value of the threshold, is run by one
command into a store of its own; then the same command again, which finds everything done; then single settings of it,
each in a fresh process. Of the latter a few are timed, and as many as the sweep has are computed from them. Last, how
soon a fresh process makes its first pass, against the time of importing torch and transformers, and two workers of one
thread against one worker of one thread and of two, on `lists` and on `pycode`, whose answers are programs. What
surrounds the decoding (Ray's start, imports, the report) is not halved by a second worker, so it is also said from how
long a sweep on two would be 1.8 times as fast. Equal sweeps differ by a tenth, as a machine's clock goes: `--turns 5`
compares medians of five, each shape of workers in turn. Seconds are on the clock, from start to end of a process; in
brackets of processor time.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import load_line
from benchmarks.watched import Parts, watch

ROOT = Path(__file__).resolve().parents[1]

VARIANTS = 11  # of anchor_budget: the base decoder, 4 x 2 of policy fixed, 2 of cover
ALONE = 3  # settings that are timed in a process of their own
GOAL = 1.8  # of two workers
SLICE = 32  # examples
SHAPES = ((1, 1), (1, 2), (2, 1))  # workers, threads of each
IMPORTS = "import torch, transformers"
# launch.py, ended by its first pass. Nothing is imported before launch.py would.
FIRST_PASS = """
import os, launch
with launch.importing():
    from pipeline.workers import execute
work = execute.execute_here
def ended(*arguments):
    from axon.models.model import MaskedDiffusionModel
    MaskedDiffusionModel.forward = lambda *_, **__: os._exit(0)
    work(*arguments)
execute.execute_here = ended
launch.main()
"""


@dataclass(frozen=True)
class Spent:
    """Seconds of a process: on the clock, and of processors."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:7.1f} s ({self.processor:.1f})"

    def against(self, other: Spent) -> str:
        """Both ratios, such as "3.1 x (2.9)"."""
        return f"{self.wall / other.wall:.1f} x ({self.processor / other.processor:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--values", type=int, default=4, help="thresholds; 11 settings at each")
    parser.add_argument("--limit", type=int, default=50, help="examples of each setting")
    parser.add_argument("--rounds", type=int, default=3, help="how often short processes are timed")
    parser.add_argument("--turns", type=int, default=1, help="how often workers are compared")
    parser.add_argument(
        "--tasks", nargs="+", default=["lists", "pycode"], help="on which workers are compared"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="which are measured")
    asked = parser.parse_args()
    print(f"anchor_budget, {asked.values * VARIANTS} settings x {asked.limit} examples, {load_line()}")
    with TemporaryDirectory() as folder:
        for part in asked.parts:
            PARTS[part](asked, folder)


def _sweep(asked: argparse.Namespace, folder: str) -> None:
    count = asked.values * VARIANTS
    whole = _launch(_thresholds(asked.values) + _words("lists", asked.limit, folder))
    print(f"\none sweep                          {whole}", flush=True)
    again = [
        _launch(_thresholds(asked.values) + _words("lists", asked.limit, folder)) for _ in range(asked.rounds)
    ]
    print(f"the same again, finished           {_middle(again)}   (goal: 3 s)", flush=True)
    alone = []
    for place in range(ALONE):
        words = [f"axon.anchors={place + 2}", "decoder.threshold=0.7"]
        alone.append(_launch(words + _words("lists", asked.limit, f"{folder}/alone{place}")))
    one = _middle(alone)
    print(f"a fresh process for one setting    {one}   median of {ALONE}")
    each = Spent(count * one.wall, count * one.processor)
    print(
        f"{count} of them, computed             {each}   {each.against(whole)} the sweep (goal: 10)",
        flush=True,
    )


def _start(asked: argparse.Namespace, folder: str) -> None:
    imports, first = [], []
    for number in range(asked.rounds):
        imports.append(_run(["-c", IMPORTS]))
        first.append(_run(["-c", FIRST_PASS, *_words("lists", 1, f"{folder}/first{number}")]))
    print(f"\nimporting torch and transformers   {_middle(imports)}")
    ratio = _middle(first).against(_middle(imports))
    print(
        f"from start to the first pass       {_middle(first)}   {ratio} the imports (goal: 1.5)", flush=True
    )


def _workers(asked: argparse.Namespace, folder: str) -> None:
    """A longer sweep by one worker with a thread, by one with two, and by two with a thread each."""
    for task in asked.tasks:
        turns = [
            [_parts(asked, f"{folder}/{turn}", task, *shape) for shape in SHAPES]
            for turn in range(asked.turns)
        ]
        one, threads, two = map(medians, zip(*turns, strict=True))
        for name, other in (("one thread", one), ("two threads", threads)):
            print(
                f"{task}, two workers against one of {name}: {other.whole / two.whole:.2f} x, between first and last "
                f"result {other.between / two.between:.2f} x (goal: {GOAL:g}). {parallel_from(other, two)}",
                flush=True,
            )


def medians(turns: Sequence[Parts]) -> Parts:
    """Of each part."""
    return Parts(*(median(getattr(turn, part.name) for turn in turns) for part in fields(Parts)))


def parallel_from(one: Parts, two: Parts) -> str:
    """From how long a sweep on two workers reach the goal, if only its decoding grows."""
    around = GOAL * (two.before + two.after) - (one.before + one.after)
    gained = one.between - GOAL * two.between
    if gained <= 0:
        return f"Decoding itself gains less than {GOAL:g} x here"
    times = max(around / gained, 0)
    seconds = one.before + one.after + times * one.between
    return f"Computed: {GOAL:g} x from sweeps of {seconds:.0f} s on one ({times:.1f} times as much decoding)"


def _parts(asked: argparse.Namespace, folder: str, task: str, workers: int, cores: int) -> Parts:
    own = f"{folder}/{task}-{workers}-{cores}"
    words = [*_thresholds(asked.values), *_words(task, asked.limit, own), f"slice_size={SLICE}"]
    command = [*words, f"cluster.workers={workers}", f"cluster.cpus_per_worker={cores}"]
    try:
        parts = watch([sys.executable, "launch.py", *command], ROOT, Path(own, "store"), SLICE)
    except ValueError as error:
        sys.exit(str(error))
    print(
        f"{task + ',':7} {workers} x {cores} threads {parts.whole:16.1f} s ({parts.processor:.1f}): {parts.before:.1f} "
        f"to the first result, {parts.between:.1f} to the last, {parts.after:.1f} after it",
        flush=True,
    )
    return parts


def _thresholds(count: int) -> list[str]:
    values = ",".join(f"{0.5 + 0.45 * place / count:.3f}" for place in range(count))
    return ["sweep=anchor_budget", "sweep.search=grid", f"trade_off.values=[{values}]"]


def _words(task: str, limit: int, folder: str) -> list[str]:
    return [f"task={task}", f"limit={limit}", f"out={folder}/out", f"store={folder}/store", "wandb=off"]


def _middle(spent: Sequence[Spent]) -> Spent:
    return Spent(median(one.wall for one in spent), median(one.processor for one in spent))


def _launch(words: list[str]) -> Spent:
    return _run(["launch.py", *words])


def _run(words: list[str]) -> Spent:
    """Python on the words. Ends this run if it fails."""
    used, start = _of_children(), perf_counter()
    # Compiled modules are kept, as they are where nobody says otherwise: compiling ours takes a tenth of a second.
    said = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=ROOT, env=said, capture_output=True, text=True, check=False)
    spent = Spent(perf_counter() - start, _of_children() - used)
    if done.returncode:
        sys.exit(
            f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )
    return spent


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


PARTS = {"sweep": _sweep, "start": _start, "workers": _workers}

if __name__ == "__main__":
    main()
