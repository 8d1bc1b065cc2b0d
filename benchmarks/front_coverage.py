"""Coverage of intervals between fronts: `python benchmarks/front_coverage.py [--sweeps 100] [--sizes 30 100 300]`.

Simulated sweeps of a known truth (front_shapes.py) go through the report's own quality at matched NFE
(pipeline/report/comparisons/matched.py) and accuracy under parallelism (aup.py). The rule for matched NFE was chosen
on another simulation (LOG.md, 2026-11-26), and serves mixes unchanged.

Columns: of matched NFE, at three budgets each, the fraction of intervals that cover the true difference, their mean
width, and the fraction that lies above and below the truth; the same where settings may be mixed; of AUP, base and
AXON, the fraction that covers the AUP of the true front with the sample's y_max, which is a parameter, and the mean
width as a share of it; the same of the TPF near the best. Nominal: 95 %.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd

from benchmarks.front_shapes import LENGTH, SHAPES, describe, drawn, truth
from benchmarks.simulated import read_words
from pipeline.report.asked import Asked
from pipeline.report.comparisons.aup import area, aups, near_best
from pipeline.report.comparisons.effects import margin
from pipeline.report.comparisons.matched import heights, lines_of, match_nfe
from pipeline.report.statistics.pareto import front_order
from pipeline.report.statistics.sample import draw
from pipeline.report.statistics.stats import Interval, means

SIZES = (30, 100, 300)
SIDES = ("base", "AXON")


def main() -> None:
    asked = read_words(__doc__, SIZES)
    heads = [*("matched", "width", "above", "below"), *("mixed", "width", "above", "below")]
    heads += [f"{what} {side}" if what else "width" for side in SIDES for what in ("AUP", "", "near", "")]
    print(f"{'shape':<9}{'n':>5}" + "".join(f"{head:>10}" for head in heads) + f"{'s':>8}")
    for shape in SHAPES:
        for n in asked.sizes:
            start = perf_counter()
            cells = tally(shape, n, asked.sweeps)
            spent = (perf_counter() - start) / asked.sweeps
            print(
                f"{shape:<9}{n:>5}" + "".join(f"{cell:>10.1%}" for cell in cells) + f"{spent:>8.2f}",
                flush=True,
            )


def tally(name: str, n: int, sweeps: int) -> tuple[float, ...]:
    """The columns of one row of the table, without the seconds."""
    shape = SHAPES[name]
    settings = describe(shape)
    quality_S, nfe_S = truth(shape)
    sides = [np.flatnonzero([setting.group == group for setting in settings]) for group in SIDES]
    first, last = (max(own(nfe_S[rows]) for rows in sides) for own in (np.min, np.max))
    budgets = tuple(first + share * (last - first) for share in (0.2, 0.5, 0.8))
    base_2G, axon_2G = (
        [
            heights(quality_S[None, rows], nfe_S[None, rows], quality_S[rows], line, np.array(budgets))[0][0]
            for line in lines_of(quality_S[None, rows], nfe_S[None, rows])
        ]
        for rows in sides
    )
    true_2G = [axon_G - base_G for base_G, axon_G in zip(base_2G, axon_2G, strict=True)]
    fronts = [rows[front_order(quality_S[rows], nfe_S[rows])] for rows in sides]
    rng = np.random.default_rng([n, list(SHAPES).index(name)])
    matched, parallel = [], []
    for _ in range(sweeps):
        sample = drawn(rng, shape, n)
        points = pd.DataFrame({"quality": means(sample.quality_SN), "nfe": means(sample.nfe_SN), "n": n})
        points["complete"], points["run"] = True, "run"
        draws = draw(sample)
        (own,) = match_nfe(points, settings, draws, Asked(nfe=budgets))
        for row, linear, mixed in zip(own.rows, *true_2G, strict=True):
            if not np.isnan(row.linear.difference.lo):  # a sample's own front may begin beyond the budget
                matched.append([*judged(row.linear.difference, linear), *judged(row.mixed.difference, mixed)])
        tokens = {name: means(values_SN) for name, values_SN in sample.further_costs.items()}
        cells: list[float] = []
        below = margin(n)
        for found, rows, on in zip(aups(points, settings, draws, tokens), sides, fronts, strict=True):
            tpf = LENGTH / nfe_S
            true_area = float(area(tpf[on], 100 * quality_S[on], found.y_max))
            true_near, _ = near_best(quality_S[None, rows], 1 / tpf[None, rows], quality_S[rows], below)
            for interval, true in ((found.canvas, true_area), (found.near, float(true_near[0]))):
                cells += [interval.lo <= true <= interval.hi, (interval.hi - interval.lo) / true]
        parallel.append(cells)
    return (*np.mean(matched, axis=0).tolist(), *np.mean(parallel, axis=0).tolist())


def judged(found: Interval, true: float) -> tuple[float, ...]:
    """Whether it covers the truth, its width, whether it lies above and below it."""
    above, below = found.lo > true + 1e-9, found.hi < true - 1e-9
    return not (above or below), found.hi - found.lo, above, below


if __name__ == "__main__":
    main()
