"""Multiple comparisons: max-T over the variants of a cohort, Holm over cohorts.

Shapes: B bootstrap replicates, V variants, K families (one per cohort).

Max-T: every variant's difference is divided by its bootstrap spread. The largest such value of a replicate, around
the estimates, shows how large the maximum is by chance alone. A difference is significant if it exceeds that, and the
intervals `estimate ± critical * spread` hold simultaneously. The correlation between variants is preserved, so twenty
that hardly differ cost little more than one.

Sources: Westfall and Young, Resampling-Based Multiple Testing (1993), single-step max-T; Holm, Scandinavian Journal
of Statistics 6 (1979) 65, and Wright, Biometrics 48 (1992) 1005, its adjusted p-values; Beran, JASA 83 (1988) 679,
balanced simultaneous intervals.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from pipeline.report.statistics.stats import NOTHING, ROUNDING, UNKNOWN, Floats, Interval, holds


@dataclass(frozen=True)
class MaxT:
    """Estimates with their spread, and the bootstrap's largest studentised deviations in descending order."""

    estimate_V: Floats
    spread_V: Floats
    largest_B: Floats

    @property
    def p(self) -> float:
        """The family's p-value: how often chance alone gives a largest difference this large."""
        statistic = float(np.abs(self.estimate_V / self.spread_V).max())
        drawn = (1 + (self.largest_B >= statistic).sum()) / (1 + len(self.largest_B))
        return max(float(drawn), 2 * float(ndtr(-statistic)))

    def critical(self, alpha: float) -> float:
        """The value that |estimate| / spread must exceed at `alpha`; it does so exactly where p <= alpha.

        Not less than the normal distribution's for one variant: where nothing varies, the bootstrap would give 0.
        inf where the replicates are too few for such a level.
        """
        allowed = math.floor(alpha * (1 + len(self.largest_B)) + 1e-9)
        drawn = float(self.largest_B[allowed - 1]) if allowed >= 1 else math.inf
        return max(drawn, -float(ndtri(alpha / 2)))

    def intervals(self, alpha: float) -> list[Interval]:
        """Ends are NaN where the replicates are too few for such a level."""
        critical = self.critical(alpha)
        half_V = (critical if critical < math.inf else math.nan) * self.spread_V
        ends = zip(self.estimate_V, self.estimate_V - half_V, self.estimate_V + half_V, strict=True)
        return [Interval(float(estimate), float(lo), float(hi)) for estimate, lo, hi in ends]


def max_t(estimate_V: Floats, replicates_BV: Floats, least_spread: float) -> MaxT:
    """`least_spread` > 0 is added to every spread in quadrature: where hardly any example differs, the bootstrap
    doesn't see those that might have, and its spread is too small or 0.
    """
    replicates_BV = _whole(replicates_BV)
    spread_V = np.sqrt(replicates_BV.var(axis=0) + least_spread**2)
    deviations = np.abs(replicates_BV - estimate_V) / spread_V
    largest_B = np.sort(deviations.max(axis=1, initial=0.0))[::-1]
    return MaxT(estimate_V, spread_V, largest_B)


def holm_alphas(p_K: list[float], alpha: float) -> list[float]:
    """The level at which each family is tested, so that the family-wise error rate is at most `alpha`.

    The smallest p is tested at alpha / K, the next at alpha / (K - 1), and so on up to the first that fails; it and
    the rest are tested at its level. So p <= its level exactly where Holm rejects.
    """
    levels = [0.0] * len(p_K)
    level, stopped = 0.0, False
    for rank, place in enumerate(np.argsort(p_K, kind="stable")):
        if not stopped:
            level = alpha / (len(p_K) - rank)
            stopped = p_K[place] > level
        levels[place] = level
    return levels


def holm_p(p_K: list[float]) -> list[float]:
    """The p-values adjusted: each is the smallest level of all errors together at which Holm rejects its family."""
    adjusted, least = [1.0] * len(p_K), 0.0
    for rank, place in enumerate(np.argsort(p_K, kind="stable")):
        least = max(least, (len(p_K) - rank) * p_K[place])  # it rejects none before those of smaller p
        adjusted[place] = min(least, 1.0)
    return adjusted


def simultaneous_percentiles(estimate_V: Floats, replicates_BV: Floats, alpha: float) -> list[Interval]:
    """Percentile intervals of one depth for all variants, which hold simultaneously with probability 1 - alpha.

    For quantities without a symmetric spread to divide by, such as a ratio of NFE. Widened to contain the estimate;
    ends that are one, which tell no spread, are NaN, and so are all where the replicates are too few for the level.
    """
    replicates_BV = _whole(replicates_BV)
    size = len(replicates_BV)
    if not replicates_BV.size:
        return [UNKNOWN] * len(estimate_V)
    below, above = (_no_larger(sign * replicates_BV) for sign in (1, -1))
    depth_B = np.minimum(below, above).min(axis=1) / size  # of each replicate's outermost variant
    depth = min(float(np.quantile(depth_B, alpha)), 0.5)
    lo_V, hi_V = np.quantile(replicates_BV, [depth, 1 - depth], axis=0)
    silent_V = np.isclose(lo_V, hi_V, rtol=ROUNDING, atol=NOTHING) | (not holds(size, alpha))
    lo_V, hi_V = np.minimum(lo_V, estimate_V), np.maximum(hi_V, estimate_V)
    ends = zip(estimate_V, *(np.where(silent_V, np.nan, end_V) for end_V in (lo_V, hi_V)), strict=True)
    return [Interval(float(estimate), float(lo), float(hi)) for estimate, lo, hi in ends]


def _no_larger(values_BV: Floats) -> NDArray[np.intp]:
    """Of each value, how many of its column are no larger than it."""
    columns = zip(np.sort(values_BV, axis=0).T, values_BV.T, strict=True)
    return np.stack([np.searchsorted(ordered, own, side="right") for ordered, own in columns], axis=1)


def _whole(replicates_BV: Floats) -> Floats:
    """Without the replicates in which some variant has no scored example."""
    whole: Floats = replicates_BV[~np.isnan(replicates_BV).any(axis=1)]
    return whole
