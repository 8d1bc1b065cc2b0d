"""The line through a side's settings by increasing NFE: its mean height over budgets, and where it reaches a quality.

Shapes: B bootstrap replicates (or 1), F settings of one side. A point on the line between two settings is achieved,
in expectation, by running one of them on some of the examples and the other on the rest. Below the NFE of its fastest
setting the line is as high as that setting, beyond its slowest as high as that one: a side that finishes early is not
penalised, since nobody has to spend steps that gain nothing.

Nothing is selected along the way: every setting is a knot, and a poor one pulls the line down. An upper envelope (the
running maximum) would keep the lucky settings and drop the unlucky ones, the more so the more settings a side has: of
two equal sides with 13 and 4 settings it placed the finer one 0.011 higher at 100 examples and reported "lowers" in
up to 8 % of sweeps, the line in up to 3 % (LOG.md, 2026-11-25). A NaN knot is left out.
mixes.py has such an envelope, and what allows for it.
"""

import numpy as np

from pipeline.report.statistics.stats import Floats

Line = tuple[Floats, Floats]  # quality and NFE of its knots by rising NFE, (B, F) each


def mean_height(line: Line, lo: float, hi: float) -> Floats:
    """Mean height of each replicate's line over NFE budgets from lo to hi, lo < hi: the exact integral; (B,).

    NaN for a replicate without knots.
    """
    quality, nfe = line
    inside = np.clip(nfe, lo, hi)
    rise, run = np.diff(quality, axis=1), np.diff(nfe, axis=1)
    slope = np.divide(rise, run, out=np.zeros_like(rise), where=run > 0)
    left, right = inside[:, :-1], inside[:, 1:]
    middle = quality[:, :-1] + slope * ((left + right) / 2 - nfe[:, :-1])
    area = ((right - left) * middle).sum(axis=1)
    area += (inside[:, 0] - lo) * quality[:, 0] + (hi - inside[:, -1]) * quality[:, -1]
    heights: Floats = area / (hi - lo)
    return heights


def gain_at_settings(own: Line, other: Line, lo: float, hi: float) -> Floats:
    """Mean height of each replicate's `own` above the other line where only `own`'s settings are looked at, (B,).

    What lies between these is the line through their differences. Settings faster than `lo` don't count, and those of
    one rank are taken for one; NaN where none is left.
    """
    faster = int((own[1][0] < lo).sum())
    quality_BK, nfe_BK = (values_BF[:, faster:] for values_BF in own)
    if not quality_BK.shape[1]:
        return np.full(len(quality_BK), np.nan)
    above_BK = np.stack(
        [
            quality_B - _height_at(other, nfe_B)
            for quality_B, nfe_B in zip(quality_BK.T, nfe_BK.T, strict=True)
        ],
        axis=1,
    )
    return mean_height((above_BK, nfe_BK), lo, hi)


def _height_at(line: Line, nfe_B: Floats) -> Floats:
    """Each replicate's line at its NFE."""
    quality, nfe = line
    rows = np.arange(len(quality))
    after = (nfe <= nfe_B[:, None]).sum(axis=1)
    left, right = (np.clip(place, 0, nfe.shape[1] - 1) for place in (after - 1, after))
    run = nfe[rows, right] - nfe[rows, left]
    share = np.divide(nfe_B - nfe[rows, left], run, out=np.zeros_like(run), where=run > 0)
    found: Floats = quality[rows, left] + share * (quality[rows, right] - quality[rows, left])
    return found


def first_reach(line: Line, level_B: Floats) -> Floats:
    """The lowest NFE at which each replicate's line is at `level` or above, (B,); inf where it never is."""
    quality, nfe = line
    enough = quality >= level_B[:, None]
    at = np.argmax(enough, axis=1)
    before = np.maximum(at - 1, 0)
    rows = np.arange(len(quality))
    rise = quality[rows, at] - quality[rows, before]
    missing = level_B - quality[rows, before]
    share = np.divide(missing, rise, out=np.ones_like(rise), where=rise > 0)
    found = nfe[rows, before] + share * (nfe[rows, at] - nfe[rows, before])
    return np.where(enough.any(axis=1), found, np.inf)


def reach_or_highest(line: Line, level_B: Floats) -> Floats:
    """As `first_reach`; of a line that never is there, the lowest NFE at which it is highest."""
    return first_reach(line, np.minimum(level_B, line[0].max(axis=1)))


def by_rising_nfe(quality_BF: Floats, nfe_BF: Floats) -> Line:
    """The knots in order, the lower first at equal NFE; NaN ones replaced by the last, which changes no line."""
    unknown = np.isnan(quality_BF) | np.isnan(nfe_BF)
    order = np.lexsort((quality_BF, np.where(unknown, np.inf, nfe_BF)), axis=1)
    known = (~unknown).sum(axis=1, keepdims=True)
    place = np.minimum(np.arange(quality_BF.shape[1]), np.maximum(known - 1, 0))
    order = np.take_along_axis(order, place, axis=1)
    return np.take_along_axis(quality_BF, order, axis=1), np.take_along_axis(nfe_BF, order, axis=1)
