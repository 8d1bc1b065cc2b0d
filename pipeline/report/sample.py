"""The outcomes of the examples, settings by examples, and the bootstrap over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

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


def make_sample(rows: pd.DataFrame, points: int, costs: Sequence[str] = COSTS) -> Sample:
    """The scored rows as matrices, a row per point; examples in their fixed order. `costs`: besides NFE."""
    scored = rows[rows["scored"]]
    examples = scored[["position", "example_id"]].drop_duplicates("example_id")
    examples = examples.sort_values(["position", "example_id"])

    def matrix(column: str) -> Floats:
        wide = scored.pivot(index="point", columns="example_id", values=column)
        return wide.reindex(index=range(points), columns=examples["example_id"]).to_numpy(dtype=np.float64)

    named = tuple(
        zip(examples["position"].astype(int).tolist(), examples["example_id"].astype(str), strict=True)
    )
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
    return Draws(quality_S, drawn(sample.quality_SN, added_S4), costs)
