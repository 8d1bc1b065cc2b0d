"""What finding the front costs: `python benchmarks/search_study.py FOLDER [--record SET]`.

`--record SET` decodes a fine grid of the bundled model once into FOLDER: for each of three tasks the base decoder alone
and three variants of AXON at 17 values of the trade-off parameter, on 96 examples. The rule of `refine` was chosen on
the set `chosen`. `seen` has other examples and decoders and judged its first form, and a later one that was given up:
it counted what mixes of two settings reach as known, and drew fronts with less in them than the grid's. `unseen`, with
a third decoder, was recorded after the rule was fixed and judges it, once.

What was recorded is replayed by grid, refine and optuna, each with and without stopping (margin and alpha as given),
by one worker, who decodes nothing that repeats a neighbour's decode (pipeline/planning/line.py). The grid's calls, of
which the figures are fractions, are those of all its settings, each decoded whole. A run has the recorded examples in a
random order or, with `--examples`, as many drawn from them with replacement. A value that a search asks for is taken
from the nearest recorded one.

Columns, as means over the runs: the model calls at the search's end, and those after which every group's known front
had 99 % of its hypervolume in the whole grid, both as fractions of the grid's calls (inf: in more than half of the runs
it never had); that hypervolume at the end; settings asked for and stopped. How far the worst point of the grid's fronts
is from what was found (losses.py). Then fractions of runs. In which a point is lost, that is, farther than the margin,
in four senses:

- *lost*: from every setting found;
- *surely*: that, and its quality's paired interval lies above that of each setting found of as few passes;
- *from mixes*: from every mix of two of them as well, which are reached in expectation where one setting decodes some
  of the examples and the other the rest (as in pipeline/report/comparisons/matched.py);
- *of all*: from mixes, measured on all recorded examples. On the run's own, the settings on the grid's front are there
  for their luck, too, and look better than they are.

In which stopping lost a point of what the search had asked for. In which a setting was stopped though its witness does
not cover it.

A task's last two lines are what no search can do better than that evaluates whole settings and loses nothing: the calls
of the cheapest settings that take the place of every point of the fronts, within the margin, for one who knows them
all; and of the cheapest that leave room for no other one, for one who knows them but not that they are all.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.losses import EXACT, excluding, farthest, fewest, from_mixes, surely, wrongly
from benchmarks.recorded import Recorded
from pipeline.inputs.config import StopSettings
from pipeline.planning.pending import outcomes
from pipeline.planning.setting import Stop
from pipeline.planning.stopping import looks, stand
from pipeline.report.statistics.pareto import hypervolume
from pipeline.runs.opened import open_run
from pipeline.search import SEARCHES, Ask
from pipeline.search.optuna_search import optuna_search

ROOT = Path(__file__).resolve().parents[1]
VALUES = {
    "confidence": "[.3,.35,.4,.45,.5,.55,.6,.65,.7,.75,.8,.85,.9,.93,.96,.98,.99]",
    "klass": "[.3,.35,.4,.45,.5,.55,.6,.65,.7,.75,.8,.85,.9,.93,.96,.98,.99]",
    "dawn": "[.25,.29,.33,.37,.41,.45,.49,.53,.57,.61,.65,.69,.73,.77,.81,.85,.89]",
}
SETS = {  # of recordings: the examples' split, and every task's decoder
    "chosen": ("test", {"lists": "confidence", "arith": "confidence", "pycode": "dawn"}),
    "seen": ("validation", {"lists": "dawn", "arith": "dawn", "pycode": "confidence"}),
    "unseen": ("validation", {"lists": "klass", "arith": "klass", "pycode": "klass"}),
}
ENOUGH = 0.99  # of the grid's hypervolume
TRIALS = 32  # of optuna, in each group
SLICE = 16


@dataclass(frozen=True)
class Replay:
    """One search on the recorded results. `spent` and `enough` are model calls."""

    recorded: Recorded  # as this run saw it
    rows: list[int]  # all settings asked for
    stopped: Mapping[str, Stop]
    spent: float
    enough: float  # when every group had enough of its hypervolume; inf: never
    reached: float  # the least of the groups' at the end

    @property
    def whole(self) -> list[int]:
        """The settings that were not stopped."""
        return [row for row in self.rows if self.recorded.settings[row].id not in self.stopped]


def replay(recorded: Recorded, ask: Ask, rule: StopSettings | None) -> Replay:
    records = recorded.records
    by_id = {setting.id: setting for setting in recorded.settings}
    plan: Any = SimpleNamespace(settings=by_id, asked=[], stopped={})
    asks: list[list[int]] = []
    while candidates := ask(recorded.space, outcomes(plan, records)):
        known = {row for own in asks for row in own}
        rows = [recorded.nearest(candidate) for candidate in candidates]
        plan.asked += [(c, recorded.settings[row].id) for c, row in zip(candidates, rows, strict=True)]
        asks.append([row for row in dict.fromkeys(rows) if row not in known])
        if rule is not None:
            settings = [[recorded.settings[row] for row in own] for own in asks]
            size = recorded.quality_SN.shape[1]
            sizes = {setting.id: size for own in settings for setting in own}
            plan.stopped = stand(settings, records, sizes, SLICE, rule).stopped
    return _counted(recorded, asks, plan.stopped, rule is not None)


def _counted(
    recorded: Recorded, asks: Sequence[Sequence[int]], stopped: Mapping[str, Stop], by_looks: bool
) -> Replay:
    """The calls in the order in which one worker would make them, who repeats no neighbour's decode."""
    nfe_SN, size = recorded.nfe_SN, recorded.nfe_SN.shape[1]
    whole: list[int] = []
    there_SN = np.zeros(nfe_SN.shape, dtype=bool)
    spent, enough, reached = 0.0, np.inf, 0.0
    for own in asks:
        start = 0
        for look in looks(SLICE, size) if by_looks else [size]:
            for row in own:
                stop = stopped.get(recorded.settings[row].id)
                if stop is not None and stop.n < look:
                    continue
                made_N = ~recorded.repeated(row, there_SN)
                spent += nfe_SN[row, start:look][made_N[start:look]].sum()
                there_SN[row, start:look] = True
                if stop is None and look == size:
                    whole.append(row)
                    reached = _reached(recorded, whole)
                    enough = min(enough, spent) if reached >= ENOUGH else enough
            start = look
    return Replay(recorded, [row for own in asks for row in own], stopped, spent, enough, reached)


def _reached(recorded: Recorded, rows: Sequence[int]) -> float:
    """The least of the groups' hypervolumes, as a fraction of the grid's."""
    quality, nfe = recorded.quality_SN.mean(axis=1), recorded.nfe_SN.mean(axis=1)
    groups = np.array([setting.group for setting in recorded.settings])
    most = recorded.settings[0].decode.gen_length
    least = 1.0
    for group in dict.fromkeys(groups.tolist()):
        mine = [row for row in rows if groups[row] == group]
        of_all = hypervolume(quality[groups == group], nfe[groups == group], most)
        own = hypervolume(quality[mine], nfe[mine], most) if mine else 0.0
        least = min(least, float(own / of_all))
    return least


def record(folder: Path, name: str) -> None:
    split, tasks = SETS[name]
    for task, decoder in tasks.items():
        words = [f"task={task}", f"decoder={decoder}", f"trade_off.values={VALUES[decoder]}", f"out={folder}"]
        words += ["sweep=anchor_budget", "sweep.name=search_study", "sweep.search=grid"]
        words += [f"sweep.groups.axon.grid.axon.{own}" for own in ("anchors=[1,3]", "max_anchor_steps=[1]")]
        words += [f"task.split={split}", "limit=96", "wandb=off", "sandbox.require=process"]
        subprocess.run([sys.executable, str(ROOT / "launch.py"), *words], cwd=ROOT, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--record", choices=SETS, help="decode the grids first (what is stored, never again)")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--margin", type=float, default=0.02)
    parser.add_argument(
        "--examples",
        type=int,
        help="of a run, drawn from the recorded ones with replacement; default: all, in turn",
    )
    parser.add_argument("--tolerance", type=float, default=0.018, help="of refine")
    parser.add_argument("--alone", action="store_true", help="as of a model whose decodes never repeat")
    parser.add_argument("--alpha", type=float, default=0.05)
    asked = parser.parse_args()
    if asked.record:
        record(asked.folder, asked.record)
    rule = StopSettings(asked.margin, asked.alpha)
    heads = (
        "spent",
        "until 99 %",
        "reached",
        "asked",
        "stopped",
        "farthest",
        "lost",
        "surely",
        "from mixes",
        "of all",
        "by stopping",
        "wrong stop",
    )
    print(f"{'task':<8}{'search':<8}{'stop':<6}" + "".join(f"{head:>13}" for head in heads))
    folders = sorted((asked.folder / "search_study").iterdir())
    for folder in (own for own in folders if open_run(own).run.status == "done"):
        recorded = Recorded.of(folder, asked.tolerance)
        recorded = recorded.alone() if asked.alone else recorded
        searches = {**SEARCHES, "optuna": optuna_search("tpe", TRIALS, lambda _, r=recorded: r.defaults)}  # type: ignore[misc]
        seeds = range(asked.seeds)
        for name, ask in searches.items():
            for stopping in (None, rule):
                # Means of all examples don't depend on their order.
                own = seeds if stopping or asked.examples else seeds[:1]
                runs = [replay(recorded.run(seed, asked.examples), ask, stopping) for seed in own]
                figures = _figures(recorded, runs, asked.margin)
                label = f"{recorded.settings[0].task.name:<8}{name:<8}{'yes' if stopping else 'no':<6}"
                print(label + "".join(f"{figure:>13.3f}" for figure in figures), flush=True)
        for label, least in (("fewest", fewest), ("excluding", excluding)):
            share = least(recorded, asked.margin) / recorded.nfe_SN.sum()
            print(f"{recorded.settings[0].task.name:<8}{label:<14}{share:>13.3f}")


def _figures(recorded: Recorded, runs: Sequence[Replay], margin: float) -> list[float]:
    everything = range(len(recorded.settings))
    totals = [float(run.recorded.nfe_SN.sum()) for run in runs]
    far = [farthest(run.recorded, everything, run.whole) for run in runs]
    mixes = [from_mixes(run.recorded, run.whole, run.recorded) for run in runs]
    of_all = [from_mixes(run.recorded, run.whole, recorded) for run in runs]
    by_stopping = [farthest(run.recorded, run.rows, run.whole) for run in runs]
    return [
        float(np.mean([run.spent / total for run, total in zip(runs, totals, strict=True)])),
        float(np.median([run.enough / total for run, total in zip(runs, totals, strict=True)])),
        float(np.mean([run.reached for run in runs])),
        float(np.mean([len(run.rows) for run in runs])),
        float(np.mean([len(run.stopped) for run in runs])),
        float(np.mean(far)),
        float(np.mean([one > margin + EXACT for one in far])),
        float(np.mean([surely(run.recorded, run.whole, margin) for run in runs])),
        *(float(np.mean([one > margin + EXACT for one in own])) for own in (mixes, of_all, by_stopping)),
        float(np.mean([wrongly(run.recorded, run.stopped, margin) for run in runs])),
    ]


if __name__ == "__main__":
    main()
