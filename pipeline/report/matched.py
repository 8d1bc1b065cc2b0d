"""Quality at matched NFE: what two fronts differ by at the same NFE.

A front is linear between its points: a point on the line between two settings is achieved, in expectation, by running
one of them on some of the examples and the other on the rest (as in fronts.py). Beyond its slowest setting a front
stays where it is, since nobody has to spend steps that gain nothing; below its fastest it has no value, and neither
has a difference there. Beyond the slowest settings of both nothing is compared: neither was tried there.

Intervals are of a paired bootstrap over examples, in which every replicate has its own fronts. A front's settings are
chosen on the examples that they are measured on, and in a replicate once more, which flatters the front that had more
to choose from: as in bands.py the replicates estimate by how much, and each end is moved by twice that of the front
that would profit. Where all scores are 0 or 1 an interval reaches at least as far as Tango's of a pair that no example
tells apart: of 30 examples that all are right the bootstrap draws no difference at all, and one of 11 points is not
ruled out (simulated: benchmarks/front_coverage.py).
An interval is of one budget: with several, the chance that all hold is smaller.

Source of the figure: ADAS, arXiv 2606.10829, which compares samplers at matched denoiser evaluations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.planning.setting import Setting
from pipeline.report import stats
from pipeline.report.asked import Asked
from pipeline.report.effects import MIN_EXAMPLES
from pipeline.report.pareto import non_dominated
from pipeline.report.sample import Draws
from pipeline.report.sides import Side, pairs_of, sides_of
from pipeline.report.stats import Floats, Interval

MOST = 6  # budgets, where the user names none
ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class AtBudget:
    """Two fronts at one NFE; NaN where a front has no value there, and then no difference."""

    nfe: float
    front: float
    against: float
    difference: Interval  # front - against
    flattered: (
        float  # by how much choosing the settings on the same examples raises it, as the replicates estimate
    )
    held: tuple[str, ...]  # the names of those whose slowest setting takes fewer steps


@dataclass(frozen=True)
class Matched:
    """A front and the one it is compared with, at every budget; `lo` and `hi`: between which they can be compared."""

    front: Side
    against: Side
    lo: float
    hi: float
    n: int  # the fewest examples of any setting
    asked: bool  # whether the user named the budgets
    rows: tuple[AtBudget, ...]


def match_nfe(
    points: pd.DataFrame, settings: Sequence[Setting], draws: Draws, asked: Asked
) -> tuple[Matched, ...]:
    """One per pair of fronts (sides.py) with enough examples. `settings`: one per point; `draws`: of the points."""
    pairs = [
        (front, against)
        for front, against in pairs_of(sides_of(points, settings), asked.against)
        if _fewest(points, front, against) >= MIN_EXAMPLES
    ]
    ranges = [_range(points, front, against) for front, against in pairs]
    if not pairs:
        return ()
    budgets = asked.nfe or round_budgets(min(lo for lo, _ in ranges), max(hi for _, hi in ranges))
    return tuple(
        Matched(
            front,
            against,
            *own,
            _fewest(points, front, against),
            bool(asked.nfe),
            _rows(points, draws, (front, against), own[1], budgets),
        )
        for (front, against), own in zip(pairs, ranges, strict=True)
    )


def round_budgets(lo: float, hi: float) -> tuple[float, ...]:
    """The round numbers from `lo` to `hi`, at most MOST of them; `lo` itself where there is none between."""
    if hi <= lo:
        return (lo,)
    least = (hi - lo) / (MOST - 1)
    scale = 10.0 ** math.floor(math.log10(least))
    step = next(scale * factor for factor in ROUND if scale * factor >= least * (1 - 1e-9))
    first, last = math.ceil(lo / step - 1e-9), math.floor(hi / step + 1e-9)
    found = [round(place * step, 10) for place in range(first, last + 1)]
    return tuple(budget for budget in found if lo <= budget <= hi) or (lo,)


def heights(quality_BF: Floats, nfe_BF: Floats, seen_F: Floats, budget_G: Floats) -> tuple[Floats, Floats]:
    """The height of each replicate's front at each NFE, and what its settings score in the sample there; (B, G) each.

    `seen_F`: the settings' quality in the sample. Below its fastest setting a front is as high as that one here: a
    replicate's fastest may be slower than the sample's. NaN for a replicate without a point.
    """
    on_BF = non_dominated(quality_BF, nfe_BF)
    nfe_BF = np.where(on_BF, nfe_BF, np.inf)
    order_BF = np.argsort(nfe_BF, axis=1, kind="stable")
    nfe_BF, quality_BF = (np.take_along_axis(own, order_BF, axis=1) for own in (nfe_BF, quality_BF))
    seen_BF = seen_F[order_BF]
    last_B1 = on_BF.sum(axis=1, keepdims=True) - 1
    within_BG = (nfe_BF[:, None, :] <= budget_G[None, :, None]).sum(axis=2)
    left_BG, right_BG = (np.clip(place, 0, np.maximum(last_B1, 0)) for place in (within_BG - 1, within_BG))

    start_BG, stop_BG = (np.take_along_axis(nfe_BF, place, axis=1) for place in (left_BG, right_BG))
    inside_BG = right_BG > left_BG  # otherwise below the fastest or beyond the slowest
    share_BG = np.divide(
        budget_G - start_BG, stop_BG - start_BG, out=np.zeros(start_BG.shape), where=inside_BG
    )

    def between(values_BF: Floats) -> Floats:
        start, stop = (np.take_along_axis(values_BF, place, axis=1) for place in (left_BG, right_BG))
        return np.where(last_B1 >= 0, start + share_BG * (stop - start), np.nan)

    return between(quality_BF), between(seen_BF)


def _rows(
    points: pd.DataFrame, draws: Draws, sides: tuple[Side, Side], hi: float, budgets: Sequence[float]
) -> tuple[AtBudget, ...]:
    budget_G = np.array(budgets, dtype=np.float64)
    first_G, second_G = (_own(points, side, budget_G, hi) for side in sides)
    (first_BG, first_seen_BG), (second_BG, second_seen_BG) = (
        heights(
            draws.quality_BS[:, side.rows],
            draws.cost_BS["nfe"][:, side.rows],
            draws.quality_S[side.rows],
            budget_G,
        )
        for side in sides
    )
    flattered_G = np.maximum(np.nanmean(first_BG - first_seen_BG, axis=0), 0.0)
    other_flattered_G = np.maximum(np.nanmean(second_BG - second_seen_BG, axis=0), 0.0)
    least, rows = _least(points, draws, sides), []
    for place, budget in enumerate(budgets):
        first, second = float(first_G[place]), float(second_G[place])
        plain = stats.percentile_interval(first - second, first_BG[:, place] - second_BG[:, place])
        # Not by the difference of the two alone, which is too little: up to 9 % of intervals of ten variants as good as
        # the base were above 0 then, on 100 examples, against 3 % (LOG.md, 2026-11-26).
        moved = plain._replace(
            lo=min(plain.lo - 2 * float(flattered_G[place]), first - second - least),
            hi=max(plain.hi + 2 * float(other_flattered_G[place]), first - second + least),
        )
        known = not math.isnan(first - second)
        flattered = float(flattered_G[place] - other_flattered_G[place]) if known else math.nan
        held = tuple(side.name for side in sides if _slowest(points, side) < budget <= hi)
        rows.append(AtBudget(budget, first, second, moved, flattered, held))
    return tuple(rows)


def _least(points: pd.DataFrame, draws: Draws, sides: tuple[Side, Side]) -> float:
    """How far an interval reaches at least; 0 where scores are graded."""
    if not all(draws.binary_S[side.rows].all() for side in sides):
        return 0.0
    return stats.tango_interval(0, 0, _fewest(points, *sides)).hi


def _own(points: pd.DataFrame, side: Side, budget_G: Floats, hi: float) -> Floats:
    """The heights of the sample's front, (G,); NaN below its fastest setting and above `hi`."""
    quality_F, nfe_F = (points[name].to_numpy(dtype=np.float64)[side.rows] for name in ("quality", "nfe"))
    height_G = heights(quality_F[None], nfe_F[None], quality_F, budget_G)[0][0]
    return np.where((budget_G >= nfe_F.min()) & (budget_G <= hi), height_G, np.nan)


def _range(points: pd.DataFrame, front: Side, against: Side) -> tuple[float, float]:
    """From where both have a setting to where neither has a slower one."""
    fastest = [float(points["nfe"].to_numpy()[side.rows].min()) for side in (front, against)]
    return max(fastest), max(_slowest(points, side) for side in (front, against))


def _slowest(points: pd.DataFrame, side: Side) -> float:
    return float(points["nfe"].to_numpy()[side.rows].max())


def _fewest(points: pd.DataFrame, front: Side, against: Side) -> int:
    return int(points["n"].to_numpy()[np.concatenate([front.rows, against.rows])].min())
