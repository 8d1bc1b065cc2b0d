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
    quality_BK: Floats
    nfe_BK: Floats

    @property
    def n(self) -> int:
        return len(self.quality_KN[0])

    def of(self, side: Side) -> tuple[Floats, Floats]:
        """Quality and NFE of a side's settings, (B, F) each."""
        own = [self.place[decode] for decode in side.rows]
        return self.quality_BK[:, own], self.nfe_BK[:, own]


def replicate(cohort: Cohort, found: Outcomes) -> Replicates:
    """Seeds are averaged within an example first; examples that no setting of the cohort has are left out."""
    rows = {decode: own for side in (cohort.base, *cohort.variants) for decode, own in side.rows.items()}
    quality_KN, nfe_KN = (average_seeds(values, rows.values()) for values in (found.quality_SN, found.nfe_SN))
    known_N = ~np.isnan(quality_KN).all(axis=0)
    quality_KN, nfe_KN = quality_KN[:, known_N], nfe_KN[:, known_N]
    n = quality_KN.shape[1]
    counts_BN = _counts(n)
    place = {decode: k for k, decode in enumerate(rows)}
    return Replicates(place, quality_KN, stats.means(quality_KN, counts_BN), stats.means(nfe_KN, counts_BN))


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
