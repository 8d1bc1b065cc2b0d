"""The outcomes of the examples, settings by examples, and the bootstrap over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.report import stats
from pipeline.report.stats import Floats

PLUS_FOUR = (1.0, 1.0, 0.0, 0.0)
COSTS = ("computed_positions", "flops")  # besides NFE; and `seconds` where they are asked for


@dataclass(frozen=True)
class Sample:
    """Scored outcomes, settings by examples; NaN where a setting has no score for an example."""

    quality_SN: Floats
    nfe_SN: Floats
    further_costs: Mapping[str, Floats] = field(default_factory=dict)  # by name, (S, N) each
    examples: tuple[tuple[int, str], ...] = ()  # position and id of each, N in all

    @property
    def n(self) -> int:
        return int(self.quality_SN.shape[1])

    @property
    def every_cost(self) -> dict[str, Floats]:
        return {"nfe": self.nfe_SN, **self.further_costs}


@dataclass(frozen=True)
class Draws:
    """Bootstrap replicates of the settings' means, all settings on the same resampled examples."""

    quality_S: Floats  # of the sample that is resampled
    quality_BS: Floats
    cost_BS: dict[str, Floats]  # NFE and the further ones
    binary_S: NDArray[np.bool_]  # settings whose scores are all 0 or 1


def make_sample(rows: pd.DataFrame, points: int, costs: Sequence[str] = COSTS) -> Sample:
    """The scored rows as matrices, a row per point; examples in their fixed order. `costs`: besides NFE."""
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
    return Sample(matrix("score"), matrix("nfe"), {cost: matrix(cost) for cost in costs}, named)


def draw(sample: Sample) -> Draws:
    """The bootstrap over examples behind every probability, band and hypervolume of a front.

    Where a setting's scores are all 0 or 1, two correct and two wrong examples of average cost are added to the
    sample. Of 40 correct out of 40 a plain bootstrap draws nothing but ones, and would be certain where [0.91, 1] is
    right; with these four its coverage is about nominal (Agresti and Coull, American Statistician 52 (1998) 119).
    All settings get the same four, so they change no difference.
    """
    binary_S1 = np.array([[stats.is_binary(own_N)] for own_N in sample.quality_SN]).reshape(-1, 1)
    added_S4 = np.where(binary_S1, PLUS_FOUR, np.nan)
    counts_BN = stats.draw_counts(sample.n + len(PLUS_FOUR))

    def drawn(values_SN: Floats, more_S4: Floats) -> Floats:
        return stats.means(np.concatenate([values_SN, more_S4], axis=1), counts_BN)

    costs = {
        name: drawn(own_SN, np.where(binary_S1, stats.means(own_SN)[:, None], added_S4))
        for name, own_SN in sample.every_cost.items()
    }
    quality_S = stats.means(np.concatenate([sample.quality_SN, added_S4], axis=1))
    return Draws(quality_S, drawn(sample.quality_SN, added_S4), costs, binary_S1[:, 0])
