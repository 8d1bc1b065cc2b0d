"""Coverage of the verdict's intervals, mixes included: `python benchmarks/mix_coverage.py [--sweeps 100]`.

Simulated sweeps of a known truth (front_shapes.py) go through the report's own comparison (comparison.py).

Columns, of the difference in mean quality between the lines, of that where settings may be mixed, and of the NFE saved
at equal quality there: the fraction of sweeps in which the intervals of all variants cover their truths, and in
which one lies above and one below its own. Above: AXON looks better than it is. Nominal: 95 %. `yes`: the fraction
whose verdict is that AXON improves the front; `mixed`: and also where settings may be mixed.

The rule for mixes (each end of a gain moved once, of a saving twice) was chosen on a simulation of the shapes up to
`coarser`; `finest` and `stairs` were held out. That a quality three answers lower counts as equal was chosen on
`ceiling`, a shape near 0 and one that rises by 6 points in all.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd

from benchmarks.front_shapes import SHAPES, Shape, describe, drawn, truth
from benchmarks.simulated import read_words
from pipeline.report.comparisons.comparison import YES, Comparison, Evidence, compare
from pipeline.report.comparisons.effect import Effect
from pipeline.report.statistics.fronts import mean_height
from pipeline.report.statistics.mixes import mixes
from pipeline.report.statistics.reach import reach
from pipeline.report.statistics.stats import Floats, Interval

SIZES = (30, 100, 300)
KINDS = ("lines", "mixes", "saved")
NEAR = 0.005  # a saving as near as this to the truth covers it


def main() -> None:
    asked = read_words(__doc__, SIZES)
    heads = "".join(f"{kind:>14}{'above':>7}{'below':>7}" for kind in KINDS)
    print(f"{'shape':<9}{'n':>5}{heads}{'yes':>7}{'mixed':>7}{'s':>7}")
    for shape in SHAPES:
        for n in asked.sizes:
            start = perf_counter()
            cells = tally(shape, n, asked.sweeps)
            spent = (perf_counter() - start) / asked.sweeps
            shown = "".join(
                f"{cell:>{14 if place in range(0, 3 * len(KINDS), 3) else 7}.1%}"
                for place, cell in enumerate(cells)
            )
            print(f"{shape:<9}{n:>5}{shown}{spent:>7.2f}", flush=True)


def tally(name: str, n: int, sweeps: int) -> tuple[float, ...]:
    """The columns of one row of the table, without the seconds."""
    shape = SHAPES[name]
    settings, true_S = describe(shape), truth(shape)
    points = pd.DataFrame(
        {"decode": [setting.id for setting in settings], "complete": True, "axon_empty": 0.0}
    )
    rng = np.random.default_rng([n, list(SHAPES).index(name)])
    found = []
    for _ in range(sweeps):
        [[own]] = compare([Evidence(settings, points, drawn(rng, shape, n))])
        yes = own.outcome == YES
        found.append([*judged(own, shape, *true_S), yes, yes and own.mixed])
    return tuple(np.mean(found, axis=0).tolist())


def judged(found: Comparison, shape: Shape, quality_S: Floats, nfe_S: Floats) -> list[bool]:
    """Of each kind: whether all intervals cover their truths, whether one lies above, whether one below."""
    ends = np.cumsum([len(along_V) for along_V, _, _ in shape.sides])[:-1]
    base, *variants = zip(np.split(quality_S, ends), np.split(nfe_S, ends), strict=True)
    pairs = [
        pair
        for effect, variant in zip(found.effects, variants, strict=True)
        for pair in intervals(effect, base, variant)
    ]
    cells: list[bool] = []
    for kind in range(len(KINDS)):
        near = NEAR if kind > 1 else 1e-9
        own = pairs[kind :: len(KINDS)]
        above = any(interval.lo > true + near for interval, true in own)
        below = any(interval.hi < true - near for interval, true in own)
        cells += [not (above or below), above, below]
    return cells


def intervals(
    effect: Effect, base: tuple[Floats, Floats], variant: tuple[Floats, Floats]
) -> list[tuple[Interval, float]]:
    """Each kind's interval with its truth, over the sample's budgets."""
    base_line, axon_line = ((quality_F[None], nfe_F[None]) for quality_F, nfe_F in (base, variant))
    level_1 = np.array([min(base[0].max(), variant[0].max()) - effect.saving.margin])
    base_height, axon_height = (float(mean_height(own, *effect.budgets)[0]) for own in (base_line, axon_line))
    base_mixes, axon_mixes = (mixes(*own, own[0][0]).line for own in (base_line, axon_line))
    mixed = reach(base_mixes, axon_mixes, effect.budgets, level_1)
    return [
        (effect.difference, axon_height - base_height),
        (effect.mixed.difference, float(mixed.gain_B[0])),
        (effect.saving.fraction, float(1 - mixed.axon_cost_B[0] / mixed.base_cost_B[0])),
    ]


if __name__ == "__main__":
    main()
