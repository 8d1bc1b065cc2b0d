"""Where no front can be drawn: a setting with AXON against one without, at the same trade-off value."""

from dataclasses import dataclass

import numpy as np

from pipeline.report.comparisons.cohorts import Cohort, Indices
from pipeline.report.comparisons.effects import MIN_EXAMPLES
from pipeline.report.comparisons.replicates import average_seeds
from pipeline.report.statistics import stats
from pipeline.report.statistics.multiplicity import MaxT, max_t
from pipeline.report.statistics.sample import Sample
from pipeline.report.statistics.stats import Floats, Interval, PairedDifference


@dataclass(frozen=True)
class Pair:
    """Differences are AXON - base, on the common examples."""

    base: int  # rows of the points
    axon: int
    quality_base: float
    quality_axon: float
    nfe_base: float
    nfe_axon: float
    quality: PairedDifference
    nfe: Interval
    p: float  # of no difference in quality, adjusted for all comparisons
    level: float  # of its intervals


@dataclass(frozen=True)
class Matched:
    """The outcomes of two settings, averaged over seeds, before a level is known."""

    base: int
    axon: int
    quality_2N: Floats  # base, AXON
    nfe_2N: Floats
    test: PairedDifference | MaxT  # exact of 0/1 scores, `alike`'s where examples agree, else the bootstrap's

    @property
    def p(self) -> float:
        return 1.0 if self.test.p is None else self.test.p

    def pair(self, alpha: float, p: float) -> Pair:
        """Intervals at 1 - alpha, the level at which Holm decided this pair; `p`: adjusted by Holm."""
        quality_base, quality_axon = stats.means(self.quality_2N).tolist()
        nfe_base, nfe_axon = stats.means(self.nfe_2N).tolist()
        return Pair(
            self.base,
            self.axon,
            quality_base,
            quality_axon,
            nfe_base,
            nfe_axon,
            quality=self._quality(alpha),
            nfe=stats.paired_difference(self.nfe_2N[1], self.nfe_2N[0], 1 - alpha, scores=False).difference,
            p=p,
            level=1 - alpha,
        )

    def _quality(self, alpha: float) -> PairedDifference:
        """Of a bootstrap its own interval, which excludes 0 where Holm rejects."""
        found = stats.paired_difference(self.quality_2N[1], self.quality_2N[0], 1 - alpha)
        if not isinstance(self.test, MaxT) or found.n < stats.fewest(1 - alpha):
            return found
        [difference] = self.test.intervals(alpha)
        return found._replace(difference=difference)


def match(cohort: Cohort, sample: Sample, comparisons: int = 1) -> list[Matched]:
    """Every distinct pair of a variant's setting and the base's at the same trade-off value.

    Without those that decode identically or have few examples in common.
    """
    seen: dict[tuple[object, object], tuple[Indices, Indices]] = {}
    for variant in cohort.variants:
        for value, decode in variant.by_trade_off.items():
            other = cohort.base.by_trade_off.get(value)
            if other is not None and other != decode:
                seen.setdefault((other, decode), (cohort.base.rows[other], variant.rows[decode]))
    matched = [_matched(base, axon, sample, comparisons) for base, axon in seen.values()]
    return [own for own in matched if own.quality_2N.shape[1] >= MIN_EXAMPLES]


def _matched(base: Indices, axon: Indices, sample: Sample, comparisons: int) -> Matched:
    quality_2N, nfe_2N = (average_seeds(sample, measure, (base, axon)) for measure in ("quality", "nfe"))
    known_N = ~np.isnan(quality_2N).any(axis=0)
    quality_2n, nfe_2n = quality_2N[:, known_N], nfe_2N[:, known_N]
    return Matched(
        int(base[0]), int(axon[0]), quality_2n, nfe_2n, _test(quality_2n[0], quality_2n[1], comparisons)
    )


def _test(base_n: Floats, axon_n: Floats, comparisons: int) -> PairedDifference | MaxT:
    """McNemar's exact test for 0/1 scores, `alike`'s where examples agree, otherwise the bootstrap's."""
    n = len(base_n)
    exact = stats.paired_difference(axon_n, base_n)
    if exact.p is not None or not n:
        return exact
    size = stats.replicates_for(comparisons)
    difference_1n = (axon_n - base_n)[None]
    replicates_B1 = stats.means(difference_1n, stats.draw_counts(n, size))
    return max_t(stats.means(difference_1n), replicates_B1, least_spread=1 / n)
