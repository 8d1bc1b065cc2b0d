"""Bootstrap over examples: how sure a mean, or a paired difference of means, is.

Shapes: S settings, N examples, B bootstrap replicates. A missing (unscored) outcome is NaN: it is left out of
its setting's mean, never counted as a zero. Every setting is resampled with the same drawn examples, so a
difference of two settings' replicates is a paired one.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), the percentile interval.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REPLICATES = 1000
SEED = 0
LEVEL = 0.95


class Interval(NamedTuple):
    """An estimate with its 95 % interval; all three are NaN when there was nothing to estimate from."""

    estimate: float
    lo: float
    hi: float

    @property
    def covers_zero(self) -> bool:
        return not (self.lo > 0 or self.hi < 0)


class PairedDifference(NamedTuple):
    """Mean over the n common examples of (first - second)."""

    difference: Interval
    n: int


def draw_counts(examples: int, replicates: int = REPLICATES, seed: int = SEED) -> Floats:
    """How often each replicate drew each example, (B, N); every row sums to N."""
    if examples == 0:
        return np.zeros((replicates, 0))
    draws = np.random.default_rng(seed).multinomial(
        examples, np.full(examples, 1 / examples), size=replicates
    )
    return draws.astype(np.float64)


def means(values_SN: Floats, counts_BN: Floats | None = None) -> Floats:
    """Mean of each setting over its scored examples: (S,), or (B, S) under the bootstrap's counts.

    A sum over a sum, so settings with holes stay comparable. NaN where a setting (or its replicate) has nothing.
    """
    scored_SN = ~np.isnan(values_SN)
    filled_SN = np.where(scored_SN, values_SN, 0.0)
    if counts_BN is None:
        totals, sizes = filled_SN.sum(axis=1), scored_SN.sum(axis=1).astype(np.float64)
    else:
        totals, sizes = counts_BN @ filled_SN.T, counts_BN @ scored_SN.T.astype(np.float64)
    ratio = np.divide(totals, sizes, out=np.full(totals.shape, np.nan), where=sizes > 0)
    # Equal outcomes must give equal means whatever the order of summation: ties on a front are real ties.
    rounded: Floats = np.round(ratio, 12)
    return rounded


def percentile_interval(estimate: float, replicates_B: Floats, level: float = LEVEL) -> Interval:
    """The central `level` of the replicates, widened where needed to hold the estimate itself."""
    known_B = replicates_B[~np.isnan(replicates_B)]
    if np.isnan(estimate) or known_B.size == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    tail = (1 - level) / 2
    lo, hi = np.quantile(known_B, [tail, 1 - tail])
    return Interval(float(estimate), float(min(lo, estimate)), float(max(hi, estimate)))


def mean_intervals(values_SN: Floats, counts_BN: Floats) -> list[Interval]:
    """One interval per setting."""
    estimates_S, replicates_BS = means(values_SN), means(values_SN, counts_BN)
    return [percentile_interval(estimates_S[s], replicates_BS[:, s]) for s in range(len(estimates_S))]


def paired_difference(first_N: Floats, second_N: Floats, seed: int = SEED) -> PairedDifference:
    """Compare two settings on the examples both have an outcome for (paired bootstrap)."""
    difference_N = first_N - second_N
    common_1n = difference_N[~np.isnan(difference_N)][None, :]
    interval = mean_intervals(common_1n, draw_counts(common_1n.shape[1], seed=seed))[0]
    return PairedDifference(interval, common_1n.shape[1])
