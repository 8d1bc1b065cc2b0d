"""Confidence intervals of means and of paired differences of means.

Shapes: S settings, N examples, B bootstrap replicates. A missing (unscored) outcome is NaN: it is left out of its
setting's mean, never counted as a zero. Outcomes that are all 0 or 1 get score intervals (Wilson's for a mean,
Tango's for a paired difference), whose coverage holds near 0 and 1, where the bootstrap's collapses: 100 correct
out of 100 is [0.963, 1], not [1, 1]. Means of such over seeds get Wilson's of the number of answers that would tell as
much (`share_interval`): examples are clusters. Everything else gets a percentile bootstrap over examples, and no
interval where that can't tell how they vary. All settings share the resampled examples, so the difference of two
settings' replicates is a paired one.

Sources: Wilson, JASA 22 (1927) 209; Tango, Statistics in Medicine 17 (1998) 891; McNemar's exact test, Fagerland,
Lydersen and Laake, BMC Medical Research Methodology 13 (2013) 91; Korn and Graubard, Survey Methodology 24 (1998) 193,
the effective number; Efron and Tibshirani, An Introduction to the
Bootstrap (1993), the percentile interval; Hesterberg, American Statistician 69 (2015) 371, the expanded one.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import bdtr, ndtr, ndtri, stdtrit  # not scipy.stats, which takes half a second to import

from pipeline.report.statistics.resampling import BLOCK, Counts, outcomes, ratio
from pipeline.report.statistics.resampling import Floats as Floats

REPLICATES = 4000
MOST_OF_TESTS = 10_000  # for levels so strict that the usual ones hold no end; memory is the limit
MOST_OF_PAIR = 200_000  # the same of two settings' difference that is bootstrapped alone, which takes little
SEED = 0
LEVEL = 0.95
ALPHA = 1 - LEVEL
ROUNDING = 1e-9  # relative: ends of an interval that are no farther apart are one
NOTHING = 1e-12  # absolute, for those around 0: 0.7 - 0.6 - 0.1 is no difference of scores


class Interval(NamedTuple):
    """An estimate with its interval (95 % unless stated otherwise); all NaN when there is nothing to estimate from, the
    ends alone when there is nothing to tell its spread by: too few examples or replicates, or examples that all agree.
    """

    estimate: float
    lo: float
    hi: float


UNKNOWN = Interval(math.nan, math.nan, math.nan)


class PairedDifference(NamedTuple):
    """Mean of (first - second) over the n common examples; the counts are for 0/1 outcomes, else None."""

    difference: Interval
    n: int
    first_only: int | None = None  # discordant examples: only the first is correct,
    second_only: int | None = None  # only the second is correct
    # McNemar's exact test that both kinds are equally likely; of scores on which all examples agree `alike_p`
    p: float | None = None


@lru_cache(maxsize=2)  # drawing takes longer than using them; a report draws for N examples and for N + 4
def draw_counts(examples: int, replicates: int = REPLICATES, seed: int = SEED) -> Counts:
    """How often each replicate drew each example, (B, N), read-only; every row sums to N."""
    if examples == 0:
        return np.zeros((replicates, 0), dtype=np.float32)
    draws = np.random.default_rng(seed).multinomial(
        examples, np.full(examples, 1 / examples), size=replicates
    )
    counts_BN = draws.astype(np.float32)
    counts_BN.flags.writeable = False
    return counts_BN


def means(values_SN: Floats, counts_BN: NDArray[Any] | None = None) -> Floats:
    """Mean of each setting over its scored examples: (S,), or (B, S) under the bootstrap's counts.

    NaN where a setting, or its replicate, has no scored example.
    """
    if counts_BN is not None:
        return ratio(*outcomes(values_SN).sums(counts_BN))
    scored_SN = ~np.isnan(values_SN)
    totals = np.where(scored_SN, values_SN, 0.0).sum(axis=1)
    return ratio(totals, scored_SN.sum(axis=1).astype(np.float64))


def holds(replicates: int, share: float) -> bool:
    """Whether of so many some lie beyond an end that leaves out that share of them."""
    return share * (1 + replicates) >= 1 - ROUNDING


def replicates_of(share: float, most: int) -> int:
    """How many to draw for such an end; the usual ones, too, where even `most` don't hold it."""
    return next(
        (size for size in (REPLICATES, least_of(share)) if size <= most and holds(size, share)), REPLICATES
    )


def replicates_for(comparisons: int) -> int:
    """How many to draw where the strictest level at which one of so many is decided shares out ALPHA."""
    return replicates_of(ALPHA / max(comparisons, 1), MOST_OF_TESTS)


def least_of(share: float) -> int:
    """The fewest replicates that hold such an end."""
    return math.ceil((1 - ROUNDING) / share - 1)


def tail(n: int, level: float = LEVEL) -> float:
    """The share of the replicates that a percentile interval leaves out at either end, of n >= 2 examples.

    Less than half of what `level` leaves out, as Student's interval of a mean is wider than the normal one, and as a
    resampled sample varies less by (n - 1) / n. Plain percentiles of 10 examples cover a mean in 85 to 90 % of cases,
    these in 89 to 95 %; of 100 the two are the same (LOG.md, 2026-11-26).
    """
    return float(ndtr(math.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - level) / 2)))


def fewest(level: float = LEVEL) -> int:
    """With fewer examples a bootstrap has no interval of that level: 6 for 95 %.

    No replicate reaches beyond what was seen, and from the least to the most of n examples lies the middle of what they
    were drawn from in 1 - 2 / 2^n of cases: of five in 94 %, of two in half.
    """
    return math.ceil(1 - math.log2(1 - level) - ROUNDING)


FEWEST = fewest()


def tells(n: int, lo: float, hi: float, level: float = LEVEL) -> bool:
    """Whether replicates' ends are those of an interval: of enough examples, which don't all agree.

    n that do are no certainty: 3 in n may still differ (the rule of three), by how much nobody knows.
    """
    return n >= fewest(level) and not math.isclose(lo, hi, rel_tol=ROUNDING, abs_tol=NOTHING)


def percentile_interval(estimate: float, replicates_B: Floats, n: int, level: float = LEVEL) -> Interval:
    """The central replicates of n examples, widened where necessary to contain the estimate; ends that don't tell how
    examples vary, or that these replicates don't hold, are NaN.
    """
    known_B = replicates_B[~np.isnan(replicates_B)]
    if np.isnan(estimate) or known_B.size == 0:
        return UNKNOWN
    if n < fewest(level):
        return UNKNOWN._replace(estimate=float(estimate))
    outside = tail(n, level)
    lo, hi = np.quantile(known_B, [outside, 1 - outside])
    if not (holds(known_B.size, outside) and tells(n, lo, hi, level)):
        return UNKNOWN._replace(estimate=float(estimate))
    return Interval(float(estimate), float(min(lo, estimate)), float(max(hi, estimate)))


def mean_intervals(
    values_SN: Floats,
    counts_BN: NDArray[Any],
    level: float = LEVEL,
    scores: bool = True,
    shares: Mapping[int, int] = MappingProxyType({}),
) -> list[Interval]:
    """One interval per setting: Wilson's where all its outcomes are 0 or 1, otherwise the bootstrap's.

    `scores`: whether the outcomes are shares of what is right. An NFE of 1 for all examples is no such share.
    `shares`: rows whose outcomes are means over seeds of 0 and 1, and how many of these there are.
    """
    found = [UNKNOWN] * len(values_SN)
    binary_S = np.array([scores and is_binary(values_N) for values_N in values_SN], dtype=np.bool_)
    for row in np.flatnonzero(binary_S).tolist():
        found[row] = _wilson(values_SN[row], level)
    for row, answers in shares.items() if scores else ():
        if not binary_S[row]:
            found[row], binary_S[row] = share_interval(values_SN[row], answers, level), True
    others, size = np.flatnonzero(~binary_S), max(BLOCK // max(len(counts_BN), 1), 1)
    for start in range(0, len(others), size):
        rows = others[start : start + size]
        drawn = zip(rows.tolist(), means(values_SN[rows]), means(values_SN[rows], counts_BN).T, strict=True)
        for row, estimate, replicates_B in drawn:
            n = int((~np.isnan(values_SN[row])).sum())
            found[row] = percentile_interval(estimate, replicates_B, n, level)
    return found


def paired_difference(
    first_N: Floats, second_N: Floats, level: float = LEVEL, scores: bool = True
) -> PairedDifference:
    """Compares two settings on the examples for which both have an outcome.

    Where all outcomes are 0 or 1 discordant counts, McNemar's exact p and Tango's score interval, which is widened to 0
    where that p does not exclude it; otherwise a paired bootstrap, and of scores on which all examples agree `alike`.
    `scores`: as in `mean_intervals`.
    """
    both_N = ~np.isnan(first_N) & ~np.isnan(second_N)
    first_n, second_n = first_N[both_N], second_N[both_N]
    n = len(first_n)
    if not (scores and is_binary(first_n) and is_binary(second_n)):
        difference_1n = (first_n - second_n)[None]
        size = replicates_of_pair(n, level)
        replicates_B = means(difference_1n, draw_counts(n, size))[:, 0]
        estimate = float(means(difference_1n)[0])
        found = percentile_interval(estimate, replicates_B, n, level)
        agree = scores and n >= fewest(level) and holds(size, tail(n, level)) and math.isnan(found.lo)
        if agree:
            return PairedDifference(alike(estimate, n, level), n, p=alike_p(estimate, n))
        return PairedDifference(found, n)
    first_only, second_only = int((first_n > second_n).sum()), int((first_n < second_n).sum())
    interval, p = tango_interval(first_only, second_only, n, level), mcnemar_p(first_only, second_only)
    if p > 1 - level:  # (7, 1) of 100: Tango's test, which is not exact, has 0.034 where this one has 0.070
        interval = interval._replace(lo=min(interval.lo, 0.0), hi=max(interval.hi, 0.0))
    return PairedDifference(interval, n, first_only, second_only, p)


def replicates_of_pair(n: int, level: float) -> int:
    """How many a paired difference of n examples draws."""
    return replicates_of(tail(n, level), MOST_OF_PAIR) if n >= fewest(level) else REPLICATES


def alike(difference: float, n: int, level: float = LEVEL) -> Interval:
    """Of scores from 0 to 1, two settings' difference that is the same on all n examples: as far as Tango's interval of
    a pair that none of n tells apart reaches, about 4 in n.
    """
    reach = tango_interval(0, 0, n, level).hi
    return Interval(difference, difference - reach, difference + reach)


def alike_p(difference: float, n: int) -> float:
    """The two-sided p-value to that interval, which excludes 0 exactly where p is below 1 - its level."""
    size = min(abs(difference), 1.0)
    return 2 * float(ndtr(-math.sqrt(n * size / (1 - size)))) if size < 1 else 0.0


def is_binary(values: Floats) -> bool:
    """Whether there are outcomes and all of them, NaN aside, are 0 or 1."""
    known = values[~np.isnan(values)]
    return bool(known.size) and bool(((known == 0) | (known == 1)).all())


def _wilson(values_N: Floats, level: float) -> Interval:
    known = values_N[~np.isnan(values_N)]
    return wilson_interval(int(known.sum()), known.size, level)


def share_interval(values_N: Floats, answers: int, level: float = LEVEL) -> Interval:
    """Of examples that are each right in a share of several seeds, `answers` in all: Wilson's of the effective number.

    So many single answers would tell the mean as well as these shares vary: from n, if an example's seeds always agree,
    to `answers`. Less by Student's distribution, as the spread of n examples is an estimate. Where 50 examples are
    nearly all right the bootstrap covers 89 to 93 % of cases, this 93 to 97 % (LOG.md, 2026-11-27).
    """
    known = values_N[~np.isnan(values_N)]
    n, share = known.size, float(means(known[None])[0])
    if n < 2 or is_binary(known):
        return wilson_interval(share * n, n, level) if n else UNKNOWN
    variance, z = float(known.var(ddof=1)), float(ndtri((1 + level) / 2))
    effective = max(share * (1 - share) * n / variance, n) if variance else answers
    effective = min(effective, answers) * (z / float(stdtrit(n - 1, (1 + level) / 2))) ** 2
    return wilson_interval(share * effective, effective, level)._replace(estimate=share)


def wilson_interval(correct: float, n: float, level: float = LEVEL) -> Interval:
    """Wilson's score interval of the proportion of correct examples out of n."""
    share, z = correct / n, float(ndtri((1 + level) / 2))
    centre, size = 2 * n * share + z * z, 2 * (n + z * z)
    half = z * math.sqrt(4 * n * share * (1 - share) + z * z)
    lo = 0.0 if correct == 0 else (centre - half) / size
    return Interval(share, lo, 1.0 if correct == n else (centre + half) / size)


def mcnemar_p(first_only: int, second_only: int) -> float:
    """McNemar's exact two-sided p-value; 1 where no example is discordant."""
    fewer = min(first_only, second_only)
    return min(1.0, 2 * float(bdtr(fewer, first_only + second_only, 0.5)))


def tango_interval(first_only: int, second_only: int, n: int, level: float = LEVEL) -> Interval:
    """Tango's score interval of a difference of paired proportions, n >= 1: what the score test does not reject."""
    estimate = (first_only - second_only) / n
    z = -float(ndtri((1 - level) / 2))

    def score(difference: float) -> float:
        """Decreases from a large number at -1 and is zero at the estimate."""
        b = (2 * n - first_only + second_only) * difference - first_only - second_only
        c = -second_only * difference * (1 - difference)
        proportion = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (
            4 * n
        )  # of second_only, at this difference
        spread = n * (2 * proportion + difference * (1 - difference))
        away = n * (estimate - difference)
        return away / math.sqrt(max(spread, 1e-12)) if away else 0.0

    lo = brentq(lambda difference: score(difference) - z, -1.0, estimate) if estimate > -1 else -1.0
    hi = brentq(lambda difference: score(difference) + z, estimate, 1.0) if estimate < 1 else 1.0
    return Interval(estimate, float(lo), float(hi))
