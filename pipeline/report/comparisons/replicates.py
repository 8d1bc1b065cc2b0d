"""A cohort's settings under the bootstrap: means over examples, all settings on the same resampled examples."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.report.comparisons.cohorts import Cohort, Decode, Indices, Side
from pipeline.report.statistics import stats
from pipeline.report.statistics.resampling import Counts, Floats, Outcomes, blocks, outcomes, ratio
from pipeline.report.statistics.sample import Sample


@dataclass(frozen=True)
class Replicates:
    """Of K distinct settings and N examples, with one measure of cost."""

    place: dict[Decode, int]
    quality_KN: Floats
    cost_KN: Floats
    counts_BN: Counts  # a row of the bootstrap's draws each

    @property
    def n(self) -> int:
        return len(self.quality_KN[0])

    def common(self, base: Side, variant: Side) -> NDArray[np.bool_]:
        """The examples that are scored under every setting of the two sides, (N,).

        A setting's mean leaves out unscored examples. Over all examples, a side whose hard ones failed to be scored
        would look better than a side that got them wrong.
        """
        return np.asarray(~np.isnan(self.quality_KN[self._own(base, variant)]).any(axis=0))

    def on(self, known_N: NDArray[np.bool_]) -> "Replicates":
        """Restricted to these examples."""
        if known_N.all():
            return self
        return Replicates(
            self.place,
            self.quality_KN[:, known_N],
            self.cost_KN[:, known_N],
            self.counts_BN[:, known_N],
        )

    def blocks(self, sides: Sequence[Side]) -> Iterator["Block"]:
        """Together every replicate once, in order; so many at once that no side's means fill too much memory."""
        once_1N = np.ones((1, self.n), dtype=np.float32)
        own = {id(side): self._outcomes(side) for side in sides}
        for counts_bN in blocks(self.counts_BN, max(len(side.rows) for side in sides)):
            yield Block(own, np.concatenate([once_1N, counts_bN]))

    def _outcomes(self, side: Side) -> tuple[Outcomes, Outcomes]:
        own = self._own(side)
        return outcomes(self.quality_KN[own]), outcomes(self.cost_KN[own])

    def _own(self, *sides: Side) -> list[int]:
        return [self.place[decode] for side in sides for decode in side.rows]


@dataclass(frozen=True)
class Block:
    """Some replicates. Row 0 of every block is over every example once, the others are draws."""

    outcomes: Mapping[int, tuple[Outcomes, Outcomes]]
    counts_BN: Counts

    def of(self, side: Side) -> tuple[Floats, Floats]:
        """Quality and cost of a side's settings, (B, F) each."""
        quality, cost = (ratio(*own.sums(self.counts_BN)) for own in self.outcomes[id(side)])
        return quality, cost


def replicate(cohort: Cohort, sample: Sample, cost: str = "nfe", size: int = stats.REPLICATES) -> Replicates:
    """`cost`: which of the sample's costs; `size`: how many replicates.

    Seeds are averaged within an example first; examples scored under no setting of the cohort are left out.
    """
    rows = {decode: own for side in (cohort.base, *cohort.variants) for decode, own in side.rows.items()}
    quality_KN, cost_KN = (average_seeds(sample, measure, rows.values()) for measure in ("quality", cost))
    known_N = ~np.isnan(quality_KN).all(axis=0)
    quality_KN, cost_KN = quality_KN[:, known_N], cost_KN[:, known_N]
    place = {decode: k for k, decode in enumerate(rows)}
    return Replicates(place, quality_KN, cost_KN, stats.draw_counts(quality_KN.shape[1], size))


def average_seeds(sample: Sample, measure: str, settings: Iterable[Indices]) -> Floats:
    """(K, N): per setting, given as the rows of its seeds, the mean over the seeds that have the example; else NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an example without a score under any seed
        return np.array([_average(sample, measure, rows) for rows in settings])


def _average(sample: Sample, measure: str, rows: Indices) -> Floats:
    """A seed that several rows have counts once."""
    values_SN = sample.measures[measure]
    if len(rows) == 1:
        return np.asarray(values_SN[rows[0]])
    seeds: dict[int | str, list[Floats]] = {}
    for row in rows.tolist():
        own = sample.by_seed.get(row)
        each = {row: values_SN[row]} if own is None else {sid: found[measure] for sid, found in own.items()}
        for seed, values_N in each.items():
            seeds.setdefault(seed, []).append(values_N)
    means = [own[0] if len(own) == 1 else np.nanmean(own, axis=0) for own in seeds.values()]
    return np.asarray(np.nanmean(means, axis=0))
