"""A cohort's settings under the bootstrap: means over examples, all settings resampled with the same draws."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipeline.report import stats
from pipeline.report.cohorts import Cohort, Decode, Indices, Side
from pipeline.report.points import Outcomes
from pipeline.report.stats import Floats


@dataclass(frozen=True)
class Replicates:
    """Of K distinct settings and N examples; row 0 of the means is of every example once, below it the draws."""

    place: dict[Decode, int]
    quality_KN: Floats
    nfe_KN: Floats
    quality_BK: Floats
    nfe_BK: Floats
    counts_BN: Floats

    @property
    def n(self) -> int:
        return len(self.quality_KN[0])

    def of(self, side: Side) -> tuple[Floats, Floats]:
        """Quality and NFE of a side's settings, (B, F) each."""
        own = [self.place[decode] for decode in side.rows]
        return self.quality_BK[:, own], self.nfe_BK[:, own]

    def common(self, base: Side, variant: Side) -> "Replicates":
        """Of the examples that every setting of the two sides has.

        A setting's mean leaves out what it has no score for. On all examples, a side whose hard ones failed to be
        scored would look better than the side that answered them wrongly.
        """
        own = [self.place[decode] for side in (base, variant) for decode in side.rows]
        known_N = ~np.isnan(self.quality_KN[own]).any(axis=0)
        if known_N.all():
            return self
        quality_KN, nfe_KN = self.quality_KN[:, known_N], self.nfe_KN[:, known_N]
        counts_BN = self.counts_BN[:, known_N]
        return Replicates(
            self.place,
            quality_KN,
            nfe_KN,
            stats.means(quality_KN, counts_BN),
            stats.means(nfe_KN, counts_BN),
            counts_BN,
        )


def replicate(cohort: Cohort, found: Outcomes) -> Replicates:
    """Seeds are averaged within an example first; examples that no setting of the cohort has are left out."""
    rows = {decode: own for side in (cohort.base, *cohort.variants) for decode, own in side.rows.items()}
    quality_KN, nfe_KN = (average_seeds(values, rows.values()) for values in (found.quality_SN, found.nfe_SN))
    known_N = ~np.isnan(quality_KN).all(axis=0)
    quality_KN, nfe_KN = quality_KN[:, known_N], nfe_KN[:, known_N]
    n = quality_KN.shape[1]
    counts_BN = _counts(n)
    place = {decode: k for k, decode in enumerate(rows)}
    quality_BK, nfe_BK = stats.means(quality_KN, counts_BN), stats.means(nfe_KN, counts_BN)
    return Replicates(place, quality_KN, nfe_KN, quality_BK, nfe_BK, counts_BN)


def average_seeds(values_SN: Floats, settings: Iterable[Indices]) -> Floats:
    """(K, N): per setting, given as the rows of its seeds, the mean over those that have the example; else NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an example that no seed has
        return np.array([np.nanmean(values_SN[rows], axis=0) for rows in settings])


@lru_cache(
    maxsize=1
)  # cohorts of one sweep have the same examples, and drawing takes longer than all the rest
def _counts(examples: int) -> Floats:
    counts_BN = np.concatenate([np.ones((1, examples)), stats.draw_counts(examples)])
    counts_BN.flags.writeable = False
    return counts_BN
