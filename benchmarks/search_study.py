"""What finding the front costs: `python benchmarks/search_study.py FOLDER [--record SET]`.

`--record SET` decodes a fine grid of the bundled model once into FOLDER: for each of three tasks the base decoder alone
and three variants of AXON at 17 values of the trade-off parameter, on 96 examples. The rule of `refine` was chosen on
the set `chosen`. `seen` has other examples and decoders and judged its first form, and a later one that was given up:
it counted what mixes of two settings reach as known, and drew fronts with less in them than the grid's. `unseen`, with
a third decoder, was recorded after the rule was fixed and judges it, once.

What was recorded is replayed by grid, refine and optuna, each with and without stopping (margin and alpha as given). A
run has the recorded examples in a random order or, with `--examples`, as many drawn from them with replacement. A value
that a search asks for is taken from the nearest recorded one.

Columns, as means over the runs: the model calls at the search's end, and those after which every group's known front
had 99 % of its hypervolume in the whole grid, both as fractions of the grid's calls (inf: in more than half of the runs
it never had); that hypervolume at the end; settings asked for and stopped. How far the worst point of the grid's fronts
is from what was found: the least by which quality may be lower and NFE higher, relatively, for something to take its
place (the epsilon indicator of Zitzler et al., IEEE Trans. Evol. Comput. 7, 2003, 117, in each group). Then fractions
of runs. In which a point is lost, that is, farther than the margin, in three senses, each narrower than the last:

- *lost*: from every setting found;
- *from mixes*: from every mix of two of them as well, which are reached in expectation where one setting decodes some
  of the examples and the other the rest (as in pipeline/report/matched.py);
- *of all*: from mixes, measured on all recorded examples. On the run's own, the settings on the grid's front are there
  for their luck, too, and look better than they are.

In which stopping lost a point of what the search had asked for. In which a setting was stopped though its witness does
not cover it.

A task's last line is what no search without mixes can do better than: the calls of the cheapest settings that take the
place of every point of the fronts, within the margin, for one who knows them all.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp

from pipeline.inputs.config import StopSettings
from pipeline.inputs.dotted import flatten
from pipeline.planning.pending import outcomes
from pipeline.planning.setting import Setting, Stop
from pipeline.planning.stopping import looks, stand
from pipeline.report.pareto import hypervolume, non_dominated
from pipeline.runs.opened import open_run
from pipeline.search import SEARCHES, Ask, Candidate, Region
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
EXACT = 1e-9


@dataclass(frozen=True)
class Recorded:
    """A task's fine grid: scores and passes, settings by examples."""

    settings: Sequence[Setting]
    space: tuple[Region, ...]
    defaults: Mapping[str, Any]
    quality_SN: np.ndarray
    nfe_SN: np.ndarray
    lines: Mapping[
        str, Mapping[float, int]
    ]  # the knobs but for the trade-off parameter -> its values -> setting

    @classmethod
    def of(cls, folder: Path, tolerance: float) -> Recorded:
        opened = open_run(folder)
        run, records = opened.run, opened.records
        wide = records.pivot(index="setting_id", columns="position")
        ids = [setting.id for setting in run.settings]
        space = tuple(
            Region(
                **{
                    **region,
                    "grid": {key: tuple(own) for key, own in region["grid"].items()},
                    "tolerance": tolerance,
                }
            )
            for region in run.space
        )
        lines: dict[str, dict[float, int]] = {}
        for row, setting in enumerate(run.settings):
            own = dict(setting.knobs)
            value = own.pop(str(setting.trade_off))
            lines.setdefault(_line(setting.group, own), {})[value] = row
        quality_SN, nfe_SN = (wide[name].loc[ids].to_numpy(dtype=np.float64) for name in ("score", "nfe"))
        return cls(run.settings, space, flatten(run.config), quality_SN, nfe_SN, lines)

    def run(self, seed: int, examples: int | None) -> Recorded:
        """With the examples in another order; or with as many as that, drawn with replacement."""
        rng, recorded = np.random.default_rng(seed), self.quality_SN.shape[1]
        order = rng.permutation(recorded) if examples is None else rng.integers(recorded, size=examples)
        return replace(self, quality_SN=self.quality_SN[:, order], nfe_SN=self.nfe_SN[:, order])

    def nearest(self, candidate: Candidate) -> int:
        knobs = dict(candidate.knobs)
        wanted = knobs.pop(str(self.settings[0].trade_off))
        own = self.lines[_line(candidate.group, knobs)]
        return own[min(own, key=lambda value: (abs(value - wanted), value))]


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
    records = _frame(recorded)
    plan: Any = SimpleNamespace(asked=[], stopped={})
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
    """The calls in the order in which one worker would make them."""
    nfe_SN, size = recorded.nfe_SN, recorded.nfe_SN.shape[1]
    whole: list[int] = []
    spent, enough, reached = 0.0, np.inf, 0.0
    for own in asks:
        start = 0
        for look in looks(SLICE, size) if by_looks else [size]:
            for row in own:
                stop = stopped.get(recorded.settings[row].id)
                if stop is not None and stop.n < look:
                    continue
                spent += nfe_SN[row, start:look].sum()
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


def farthest(recorded: Recorded, among: Sequence[int], known: Sequence[int]) -> float:
    """Of the points of the groups' fronts among those rows, the largest distance to a known one of the group."""
    return max((float(gaps.min()) for _, _, gaps in _distances(recorded, among, known)), default=0.0)


def from_mixes(run: Recorded, known: Sequence[int], truth: Recorded) -> float:
    """Of the points of the run's fronts, the largest distance to a known one of the group or a mix of two, in truth."""
    quality, nfe = truth.quality_SN.mean(axis=1), truth.nfe_SN.mean(axis=1)
    far = 0.0
    for row, others, _ in _distances(run, range(len(run.settings)), known):
        worse_K, slower_K = quality[row] - quality[others], nfe[others] / nfe[row] - 1
        # By the share that the second of a pair takes, one rises and the other falls on straight lines: they are equal
        # at `over / slope`. At any share a mix is reached, so where they don't cross, one of the two alone is as good.
        over_KK = np.broadcast_to((worse_K - slower_K)[:, None], (len(others), len(others)))
        slope_KK = over_KK - over_KK.T
        share_KK = np.divide(over_KK, slope_KK, out=np.zeros_like(slope_KK), where=slope_KK != 0).clip(0, 1)
        mixes = [own[:, None] + share_KK * (own[None, :] - own[:, None]) for own in (worse_K, slower_K)]
        far = max(far, float(np.maximum(0.0, np.maximum(*mixes)).min()))
    return far


def fewest(recorded: Recorded, margin: float) -> float:
    """The model calls of the cheapest settings that are within the margin of every point of the groups' fronts."""
    rows = list(range(len(recorded.settings)))
    near = np.zeros((0, len(rows)))
    for _, others, gaps in _distances(recorded, rows, rows):
        near = np.vstack([near, np.isin(rows, np.array(others)[gaps <= margin + EXACT])])
    calls = recorded.nfe_SN.sum(axis=1)
    found = milp(calls, constraints=LinearConstraint(near, 1, np.inf), integrality=1, bounds=Bounds(0, 1))
    return float(found.fun)


def _distances(
    recorded: Recorded, among: Sequence[int], known: Sequence[int]
) -> Iterator[tuple[int, list[int], np.ndarray]]:
    """Each point of a group's front among those rows, the known rows of the group, and its distances to them."""
    quality, nfe = recorded.quality_SN.mean(axis=1), recorded.nfe_SN.mean(axis=1)
    groups = [setting.group for setting in recorded.settings]
    for group in dict.fromkeys(groups):
        own = np.array([row for row in among if groups[row] == group])
        others = [row for row in known if groups[row] == group]
        for row in own[non_dominated(quality[own], nfe[own])]:
            worse, slower = quality[row] - quality[others], nfe[others] / nfe[row] - 1
            yield row, others, np.maximum(0.0, np.maximum(worse, slower))


def wrongly(recorded: Recorded, stopped: Mapping[str, Stop], margin: float) -> bool:
    """Whether any setting was stopped by one that does not cover it."""
    place = {setting.id: row for row, setting in enumerate(recorded.settings)}
    quality, nfe = recorded.quality_SN.mean(axis=1), recorded.nfe_SN.mean(axis=1)
    pairs = [(place[sid], place[stop.by]) for sid, stop in stopped.items()]
    return any(quality[a] - quality[b] > margin + EXACT or nfe[a] < nfe[b] for a, b in pairs)


def _frame(recorded: Recorded) -> pd.DataFrame:
    size = recorded.quality_SN.shape[1]
    return pd.DataFrame(
        {
            "setting_id": np.repeat([setting.id for setting in recorded.settings], size),
            "position": np.tile(np.arange(size), len(recorded.settings)),
            "score": recorded.quality_SN.ravel(),
            "nfe": recorded.nfe_SN.ravel(),
        }
    )


def _line(group: str, knobs: Mapping[str, Any]) -> str:
    return repr((group, sorted(knobs.items())))


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
        "from mixes",
        "of all",
        "by stopping",
        "wrong stop",
    )
    print(f"{'task':<8}{'search':<8}{'stop':<6}" + "".join(f"{head:>13}" for head in heads))
    folders = sorted((asked.folder / "search_study").iterdir())
    for folder in (own for own in folders if open_run(own).run.status == "done"):
        recorded = Recorded.of(folder, asked.tolerance)
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
        least = fewest(recorded, asked.margin) / recorded.nfe_SN.sum()
        print(f"{recorded.settings[0].task.name:<14}{'fewest':<6}{least:>13.3f}")


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
        *(float(np.mean([one > margin + EXACT for one in own])) for own in (far, mixes, of_all, by_stopping)),
        float(np.mean([wrongly(run.recorded, run.stopped, margin) for run in runs])),
    ]


if __name__ == "__main__":
    main()
