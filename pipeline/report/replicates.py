"""A cohort's settings under the bootstrap: means over examples, all settings on the same resampled examples."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.report import stats
from pipeline.report.cohorts import Cohort, Decode, Indices, Side
from pipeline.report.sample import Sample
from pipeline.report.stats import Floats


@dataclass(frozen=True)
class Replicates:
    """Of K distinct settings and N examples, with one measure of cost.

    Row 0 of the means is over every example once, the others are draws.
    """

    place: dict[Decode, int]
    quality_KN: Floats
    cost_KN: Floats
    quality_BK: Floats
    cost_BK: Floats
    counts_BN: Floats

    @property
    def n(self) -> int:
        return len(self.quality_KN[0])

    def of(self, side: Side) -> tuple[Floats, Floats]:
        """Quality and cost of a side's settings, (B, F) each."""
        own = [self.place[decode] for decode in side.rows]
        return self.quality_BK[:, own], self.cost_BK[:, own]

    def common(self, base: Side, variant: Side) -> "Replicates":
        """Restricted to the examples that are scored under every setting of the two sides.

        A setting's mean leaves out unscored examples. Over all examples, a side whose hard ones failed to be scored
        would look better than a side that got them wrong.
        """
        own = [self.place[decode] for side in (base, variant) for decode in side.rows]
        known_N = ~np.isnan(self.quality_KN[own]).any(axis=0)
        if known_N.all():
            return self
        quality_KN, cost_KN = self.quality_KN[:, known_N], self.cost_KN[:, known_N]
        counts_BN = self.counts_BN[:, known_N]
        return Replicates(
            self.place,
            quality_KN,
            cost_KN,
            stats.means(quality_KN, counts_BN),
            stats.means(cost_KN, counts_BN),
            counts_BN,
        )


def replicate(cohort: Cohort, sample: Sample, cost: str = "nfe") -> Replicates:
    """`cost`: which of the sample's costs.

    Seeds are averaged within an example first; examples scored under no setting of the cohort are left out.
    """
    rows = {decode: own for side in (cohort.base, *cohort.variants) for decode, own in side.rows.items()}
    quality_KN, cost_KN = (
        average_seeds(values, rows.values()) for values in (sample.quality_SN, sample.every_cost[cost])
    )
    known_N = ~np.isnan(quality_KN).all(axis=0)
    quality_KN, cost_KN = quality_KN[:, known_N], cost_KN[:, known_N]
    n = quality_KN.shape[1]
    counts_BN = np.concatenate([np.ones((1, n)), stats.draw_counts(n)])
    place = {decode: k for k, decode in enumerate(rows)}
    quality_BK, cost_BK = stats.means(quality_KN, counts_BN), stats.means(cost_KN, counts_BN)
    return Replicates(place, quality_KN, cost_KN, quality_BK, cost_BK, counts_BN)


def average_seeds(values_SN: Floats, settings: Iterable[Indices]) -> Floats:
    """(K, N): per setting, given as the rows of its seeds, the mean over the seeds that have the example; else NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an example without a score under any seed
        return np.array([np.nanmean(values_SN[rows], axis=0) for rows in settings])
