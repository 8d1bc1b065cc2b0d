"""Quality against one measure of cost: the fronts on that axis, their uncertainty, and what each group achieves.

NFE is the cost that the papers report. A step over a long canvas costs more than one over a short canvas, so where the
records say what went through the network, computed positions and FLOPs are axes too; and seconds where settings differ
in their cache: a step under a cache is not a whole pass.
"""

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from pipeline.report.data.points import mark_fronts
from pipeline.report.statistics.bands import Band, achieve
from pipeline.report.statistics.sample import Draws
from pipeline.report.statistics.stats import Interval

MARGIN = 1.06  # how far an axis extends beyond the last error bar


class Cost(NamedTuple):
    column: str  # of the points
    name: str
    axis: str  # the axis title

    @property
    def within(self) -> str:
        """The name within a sentence."""
        return self.name if self.name.isupper() else self.name[0].lower() + self.name[1:]


SECONDS = "seconds"
COSTS = (
    Cost("nfe", "NFE", "NFE per example"),
    Cost("computed_positions", "Computed positions", "Computed positions per example"),
    Cost("flops", "Model FLOPs", "Model FLOPs per example"),
    Cost(SECONDS, "Machine seconds", "Machine seconds per example"),
)


@dataclass(frozen=True)
class View:
    """`points` as make_points returns them, those whose cost is known, with their fronts along `cost`.

    `bands`: per group with a front.
    """

    cost: Cost
    points: pd.DataFrame
    bands: dict[str, Band]
    widest: float  # where the axis of the cost ends
    heights: tuple[float, float]  # of quality: the range of the points and of the fronts' error bars
    reference: float  # the cost up to which hypervolumes reach
    hypervolumes: dict[str, Interval]  # per group; reference point quality 0; in [0, 1]


def make_views(points: pd.DataFrame, draws: Draws, reference_nfe: float) -> list[View]:
    """NFE first; then each further cost that is known for every scored setting that was decoded here.

    Hypervolumes reach up to `reference_nfe`, and on other axes to the last setting.
    """
    scored = points[(points["n"] > 0) & ~points["foreign"]]
    known = [
        cost for cost in COSTS if cost.column in scored and len(scored) and scored[cost.column].notna().all()
    ]
    return [_view(points, cost, draws, reference_nfe) for cost in known or COSTS[:1]]


def _view(points: pd.DataFrame, cost: Cost, draws: Draws, reference_nfe: float) -> View:
    marked = points if cost is COSTS[0] else mark_fronts(points, cost.column, draws)
    last = float(marked[[cost.column, f"{cost.column}_hi"]].max().max())
    widest = last * MARGIN if last > 0 else 1.0
    reference = reference_nfe if cost is COSTS[0] else float(marked[cost.column].max())
    achieved = achieve(marked, cost.column, draws, widest, reference)
    bands = {group: own.band for group, own in achieved.items() if own.band}
    areas = {group: own.hypervolume for group, own in achieved.items()}
    placed = marked[marked[cost.column].notna()]
    return View(cost, placed, bands, widest, _heights(marked), reference, areas)


def _heights(points: pd.DataFrame) -> tuple[float, float]:
    shown = points[points["group_front"]] if points["group_front"].any() else points[points["n"] > 0]
    if shown.empty:
        return 0.0, 1.0
    lowest = min(points["quality"].min(), shown[["quality", "quality_lo"]].min().min())
    return float(lowest), float(shown[["quality", "quality_hi"]].max().max())
