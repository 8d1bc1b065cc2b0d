"""The outcomes of the examples, settings by examples, and the bootstrap over them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.report.statistics import stats
from pipeline.report.statistics.resampling import Counts, Floats, Outcomes, blocks, outcomes, ratio

BySeed = Mapping[str, Mapping[str, Floats]]  # id of the setting with one seed -> measure -> (N,)

PLUS_FOUR = (1.0, 1.0, 0.0, 0.0)
COSTS = ("computed_positions", "flops")  # besides NFE; and `seconds` where they are asked for


@dataclass(frozen=True)
class Sample:
    """Scored outcomes, settings by examples; NaN where a setting has no score for an example."""

    quality_SN: Floats
    nfe_SN: Floats
    further_costs: Mapping[str, Floats] = field(default_factory=dict)  # by name, (S, N) each
    examples: tuple[tuple[int, str], ...] = ()  # position and id of each, N in all
    # Rows whose scores are means, over seeds, of scores of 0 and 1, and how many these are.
    shares: Mapping[int, int] = field(default_factory=dict)
    # Rows that have seeds of one setting beside other rows (shared_seeds.py): what each seed came to by itself.
    by_seed: Mapping[int, "BySeed"] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return int(self.quality_SN.shape[1])

    @property
    def every_cost(self) -> dict[str, Floats]:
        return {"nfe": self.nfe_SN, **self.further_costs}

    @property
    def measures(self) -> dict[str, Floats]:
        return {"quality": self.quality_SN, **self.every_cost}

    @property
    def binary_S(self) -> NDArray[np.bool_]:
        """The settings whose scores are all 0 or 1, before seeds are averaged."""
        found = [row in self.shares or stats.is_binary(own_N) for row, own_N in enumerate(self.quality_SN)]
        return np.array(found, dtype=np.bool_)


class Measure(NamedTuple):
    """Outcomes to be resampled, and those of further examples that are added to a setting's own; NaN for none."""

    own: Outcomes
    added_SA: Floats


@dataclass(frozen=True)
class Draws:
    """Bootstrap replicates of the settings' means, all settings on the same resampled examples."""

    quality_S: Floats  # of the sample that is resampled
    binary_S: NDArray[np.bool_]  # settings whose scores are all 0 or 1, or over seeds the means of such
    measures: Mapping[str, Measure]  # quality, NFE and the further costs
    counts_BN: Counts  # of the examples and of those added

    def blocks(self, rows: NDArray[np.intp], *costs: str) -> Iterator[tuple[Floats, ...]]:
        """Of these settings the quality and these costs, (b, F) each: every replicate once, in order, b at a time."""
        own = [_of(self.measures[name], rows) for name in ("quality", *costs)]
        for counts_bN in blocks(self.counts_BN, len(rows)):
            yield tuple(_means(one, counts_bN) for one in own)


def _of(measure: Measure, rows: NDArray[np.intp]) -> Measure:
    return Measure(measure.own.of(rows), measure.added_SA[rows])


def _means(measure: Measure, counts_BN: Counts) -> Floats:
    examples = measure.own.filled_SN.shape[1]
    totals, sizes = measure.own.sums(counts_BN[:, :examples])
    added_BA = counts_BN[:, examples:].astype(np.float64)
    known_SA = ~np.isnan(measure.added_SA)
    totals += added_BA @ np.where(known_SA, measure.added_SA, 0.0).T
    return ratio(totals, sizes + added_BA @ known_SA.T.astype(np.float64))


def make_sample(
    rows: pd.DataFrame, points: int, costs: Sequence[str] = COSTS, shares: Mapping[int, int] | None = None
) -> Sample:
    """The scored rows, one per point and example, as matrices; examples in their fixed order. `costs`: besides NFE."""
    scored_N = rows["scored"].to_numpy(dtype=np.bool_)
    code_n, position_n = (
        rows["example_id"].cat.codes.to_numpy()[scored_N],
        rows["position"].to_numpy()[scored_N],
    )
    codes, first = np.unique(code_n, return_index=True)
    place = np.empty(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    order = np.lexsort((codes, position_n[first]))
    place[codes[order]] = np.arange(len(codes))
    at = rows["point"].to_numpy()[scored_N], place[code_n]

    def matrix(column: str) -> Floats:
        values_SN = np.full((points, len(codes)), np.nan)
        values_SN[at] = rows[column].to_numpy(dtype=np.float64)[scored_N]
        return values_SN

    names = rows["example_id"].cat.categories[codes[order]].astype(str)
    named = tuple(zip(position_n[first][order].astype(int).tolist(), names, strict=True))
    return Sample(matrix("score"), matrix("nfe"), {cost: matrix(cost) for cost in costs}, named, shares or {})


def draw(sample: Sample) -> Draws:
    """The bootstrap over examples behind every probability, band and hypervolume of a front.

    Where a setting's scores are all 0 or 1, two correct and two wrong examples of average cost are added to the
    sample. Of 40 correct out of 40 a plain bootstrap draws nothing but ones, and would be certain where [0.91, 1] is
    right; with these four its coverage is about nominal (Agresti and Coull, American Statistician 52 (1998) 119).
    All settings get the same four, so they change no difference.
    """
    binary_S1 = sample.binary_S[:, None]
    added_S4 = np.where(binary_S1, PLUS_FOUR, np.nan)
    measures = {"quality": Measure(outcomes(sample.quality_SN), added_S4)}
    for name, own_SN in sample.every_cost.items():
        average_S4 = np.where(binary_S1, stats.means(own_SN)[:, None], added_S4)
        measures[name] = Measure(outcomes(own_SN), average_S4)
    quality_S = stats.means(np.concatenate([sample.quality_SN, added_S4], axis=1))
    return Draws(quality_S, binary_S1[:, 0], measures, stats.draw_counts(sample.n + len(PLUS_FOUR)))
