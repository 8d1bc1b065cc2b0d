"""Quality at matched NFE: what two fronts differ by at the same NFE.

A front is linear between its points: a point on the line between two settings is achieved, in expectation, by running
one of them on some of the examples and the other on the rest (as in fronts.py). A mix of two that are no neighbours may
achieve more, so that everything is told once more for each side's best mixes (mixes.py). A front that bends lies off
that line, though: where the lower front's next slower setting is as good as the other front, so may it be at this NFE,
and the difference is marked as open. Beyond its slowest setting a
front stays where it is, since nobody has to spend steps that gain nothing; below its fastest it has no value, and
neither has a difference there. Beyond the slowest settings of both nothing is compared: neither was tried there.

Intervals are of a paired bootstrap over examples, in which every replicate has its own fronts. A front's settings are
chosen on the examples that they are measured on, and in a replicate once more, which flatters the front that had more
to choose from: as in bands.py the replicates estimate by how much, and each end is moved by twice that of the front
that would profit. Where all scores are 0 or 1, or the examples agree so that no replicate differs, an interval reaches
at least as far as Tango's of a pair that no example tells apart: of 30 examples that all are right the bootstrap draws
no difference at all, and one of 11 points is not ruled out (simulated: benchmarks/front_coverage.py).
An interval is of one budget: with several, the chance that all hold is smaller.

Source of the figure: ADAS, arXiv 2606.10829, which compares samplers at matched denoiser evaluations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.planning.setting import Setting
from pipeline.report.asked import Asked
from pipeline.report.comparisons.effects import MIN_EXAMPLES
from pipeline.report.statistics import mixes, pareto, stats
from pipeline.report.statistics.sample import Draws
from pipeline.report.statistics.sides import Side, pairs_of, sides_of
from pipeline.report.statistics.stats import Floats, Interval

Indices = NDArray[np.intp]

MOST = 6  # budgets, where the user names none
ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


class Heights(NamedTuple):
    """Of both fronts; NaN where one has no value, and then no difference."""

    front: float
    against: float
    difference: Interval  # front - against
    flattered: (
        float  # by how much choosing the settings on the same examples raises it, as the replicates estimate
    )


@dataclass(frozen=True)
class AtBudget:
    """Two fronts at one NFE: linear between neighbours, and where each side may mix any two of its settings."""

    nfe: float
    linear: Heights
    mixed: Heights
    held: tuple[str, ...]  # the names of those whose slowest setting takes fewer steps,
    open: tuple[str, ...]  # and of the lower one whose next slower setting is as good as the other front here


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
    """One per pair of fronts (sides.py) with enough examples. `settings`: one per point; `draws`: of the points.

    Where the user names no budgets, each pair has round ones of its own: those of all would lie outside of many.
    """
    pairs = [
        (front, against)
        for front, against in pairs_of(sides_of(points, settings), asked.against)
        if _fewest(points, front, against) >= MIN_EXAMPLES
    ]
    ranges = [_range(points, front, against) for front, against in pairs]
    return tuple(
        Matched(
            front,
            against,
            *own,
            _fewest(points, front, against),
            bool(asked.nfe),
            _rows(points, draws, (front, against), own[1], asked.nfe or round_budgets(*own)),
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


def lines_of(quality_BF: Floats, nfe_BF: Floats) -> tuple[Indices, Indices]:
    """The settings that each replicate's front, and its best mixes, go through by rising NFE; (B, C) each."""
    front_BC = pareto.corners(quality_BF, nfe_BF)
    kept = (np.take_along_axis(own, front_BC, axis=1) for own in (quality_BF, nfe_BF))
    return front_BC, np.take_along_axis(front_BC, mixes.corners(*kept), axis=1)


def heights(
    quality_BF: Floats, nfe_BF: Floats, seen_F: Floats, corners_BC: Indices, budget_G: Floats
) -> tuple[Floats, Floats]:
    """The height of each replicate's line at each NFE, and what its settings score in the sample there; (B, G) each.

    `corners_BC`: the settings that the line goes through by rising NFE, as `lines_of` finds them.
    `seen_F`: the settings' quality in the sample. Below its fastest setting a line is as high as that one here: a
    replicate's fastest may be slower than the sample's. NaN for a replicate without a point.
    """
    nfe_BC, quality_BC = (np.take_along_axis(own, corners_BC, axis=1) for own in (nfe_BF, quality_BF))
    seen_BC = np.where(np.isnan(nfe_BC + quality_BC), np.nan, seen_F[corners_BC])
    right_BG = (nfe_BC[:, None, :] <= budget_G[None, :, None]).sum(axis=2)
    left_BG, right_BG = (np.clip(place, 0, corners_BC.shape[1] - 1) for place in (right_BG - 1, right_BG))
    start_BG, stop_BG = (np.take_along_axis(nfe_BC, place, axis=1) for place in (left_BG, right_BG))
    # Not inside: below the fastest or beyond the slowest.
    share_BG = np.divide(
        budget_G - start_BG, stop_BG - start_BG, out=np.zeros_like(start_BG), where=stop_BG > start_BG
    )

    def between(values_BC: Floats) -> Floats:
        start, stop = (np.take_along_axis(values_BC, place, axis=1) for place in (left_BG, right_BG))
        found: Floats = start + share_BG * (stop - start)
        return found

    return between(quality_BC), between(seen_BC)


class Drawn(NamedTuple):
    """One side's line."""

    own_G: Floats  # its height in the sample; NaN below its fastest setting and beyond the slowest of both
    next_G: Floats  # that of its next slower setting, or of its slowest
    height_BG: Floats  # in the replicates,
    flattered_G: Floats  # and by how much choosing settings raises that


def _rows(
    points: pd.DataFrame, draws: Draws, sides: tuple[Side, Side], hi: float, budgets: Sequence[float]
) -> tuple[AtBudget, ...]:
    budget_G = np.array(budgets, dtype=np.float64)
    first, second = (_drawn(points, draws, side, budget_G, hi) for side in sides)
    n = _fewest(points, *sides)
    binary = all(bool(draws.binary_S[side.rows].all()) for side in sides)
    linear, mixed = (_heights(*lines, binary, n) for lines in zip(first, second, strict=True))
    slowest = {side.name: _slowest(points, side) for side in sides}
    held = [tuple(name for name, last in slowest.items() if last < budget <= hi) for budget in budgets]
    nexts = np.stack([first[0].next_G, second[0].next_G], axis=1).tolist()
    names = tuple(side.name for side in sides)
    unsettled = [_open(names, own, own_next) for own, own_next in zip(linear, nexts, strict=True)]
    return tuple(AtBudget(*own) for own in zip(budgets, linear, mixed, held, unsettled, strict=True))


def _open(names: tuple[str, ...], own: Heights, nexts: Sequence[float]) -> tuple[str, ...]:
    """`nexts`: the quality of each front's next slower setting."""
    _, lo, hi = own.difference
    if lo > 0 and nexts[1] >= own.front:
        return names[1:]
    return names[:1] if hi < 0 and nexts[0] >= own.against else ()


def _drawn(points: pd.DataFrame, draws: Draws, side: Side, budget_G: Floats, hi: float) -> list[Drawn]:
    """Of its front, and of its best mixes."""
    quality_F, nfe_F = (points[name].to_numpy(dtype=np.float64)[side.rows] for name in ("quality", "nfe"))
    tried_G = (budget_G >= nfe_F.min()) & (budget_G <= hi)
    drawn = [
        [
            heights(quality_bF, nfe_bF, draws.quality_S[side.rows], line_bC, budget_G)
            for line_bC in lines_of(quality_bF, nfe_bF)
        ]
        for quality_bF, nfe_bF in draws.blocks(side.rows, "nfe")
    ]
    found = []
    for place, own_1C in enumerate(lines_of(quality_F[None], nfe_F[None])):
        ((own_G,), _) = heights(quality_F[None], nfe_F[None], quality_F, own_1C, budget_G)
        height_BG, seen_BG = map(np.concatenate, zip(*(lines[place] for lines in drawn), strict=True))
        flattered_G = np.maximum(np.nanmean(height_BG - seen_BG, axis=0), 0.0)
        slower_G = np.searchsorted(nfe_F[own_1C[0]], budget_G).clip(max=own_1C.shape[1] - 1)
        next_G = quality_F[own_1C[0]][slower_G]
        found.append(Drawn(np.where(tried_G, own_G, np.nan), next_G, height_BG, flattered_G))
    return found


def _heights(first: Drawn, second: Drawn, binary: bool, n: int) -> list[Heights]:
    """At each budget. `binary`: whether all scores are 0 or 1."""
    found = []
    for place, (front, against) in enumerate(zip(first.own_G.tolist(), second.own_G.tolist(), strict=True)):
        difference = front - against
        if math.isnan(difference):
            found.append(Heights(front, against, stats.UNKNOWN, math.nan))
            continue
        drawn_B = first.height_BG[:, place] - second.height_BG[:, place]
        found_in, least = stats.percentile_interval(difference, drawn_B, n), stats.alike(difference, n)
        agree = math.isnan(found_in.lo)
        plain = least if agree else found_in
        up, other_up = (float(own.flattered_G[place]) for own in (first, second))
        # Not by the difference of the two alone, which is too little: up to 9 % of intervals of ten variants as good as
        # the base were above 0 then, on 100 examples, against 3 % (LOG.md, 2026-11-26).
        moved = plain._replace(lo=plain.lo - 2 * up, hi=plain.hi + 2 * other_up)
        if binary:
            moved = moved._replace(lo=min(moved.lo, least.lo), hi=max(moved.hi, least.hi))
        found.append(Heights(front, against, moved, up - other_up))
    return found


def _range(points: pd.DataFrame, front: Side, against: Side) -> tuple[float, float]:
    """From where both have a setting to where neither has a slower one."""
    fastest = [float(points["nfe"].to_numpy()[side.rows].min()) for side in (front, against)]
    return max(fastest), max(_slowest(points, side) for side in (front, against))


def _slowest(points: pd.DataFrame, side: Side) -> float:
    return float(points["nfe"].to_numpy()[side.rows].max())


def _fewest(points: pd.DataFrame, front: Side, against: Side) -> int:
    return int(points["n"].to_numpy()[np.concatenate([front.rows, against.rows])].min())
