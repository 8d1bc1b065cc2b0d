"""Quality against one measure of cost: the fronts on that axis, how sure they are, and what an arm's front reaches.

Passes are the paper's cost. A pass over a long canvas costs more than one over a short, so where the records know
what went through the network, its positions and its FLOPs are axes too.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.report import stats
from pipeline.report.pareto import front_order, hypervolume, reached
from pipeline.report.points import Draws, mark_fronts
from pipeline.report.stats import Floats, Interval, percentile_interval

BUDGETS = 120  # at which an arm's band is taken, and at its front's own points
MARGIN = 1.06  # how far an axis goes on beyond the last bar


class Cost(NamedTuple):
    column: str  # of the points
    name: str
    axis: str  # what it is called beside the axis


COSTS = (
    Cost("nfe", "NFE", "NFE: model passes a sample"),
    Cost("computed_positions", "Computed positions", "Positions through the network, an example"),
    Cost("flops", "Model FLOPs", "Model FLOPs, an example"),
)


@dataclass(frozen=True)
class Band:
    """Between what, within each of G budgets, the best quality an arm reaches lies (95 %, bootstrap)."""

    budget_G: Floats
    lo_G: Floats
    hi_G: Floats


@dataclass(frozen=True)
class View:
    """`points` as make_points has them, their fronts along `cost`; `bands` per arm with a front."""

    cost: Cost
    points: pd.DataFrame
    bands: dict[str, Band]
    widest: float  # where the axis of the cost ends
    heights: tuple[float, float]  # of quality: what holds the points, and the bars of the fronts


def make_views(points: pd.DataFrame, draws: Draws) -> list[View]:
    """NFE first; then each further cost that is known of every scored setting."""
    scored = points[points["n"] > 0]
    known = [cost for cost in COSTS if len(scored) and scored[cost.column].notna().all()]
    return [_view(points, cost, draws) for cost in known or COSTS[:1]]


def _view(points: pd.DataFrame, cost: Cost, draws: Draws) -> View:
    marked = mark_fronts(points, cost.column, draws)
    quality_BS, cost_BS = draws.quality_BS, draws.cost_BS[cost.column]
    last = float(marked[f"{cost.column}_hi"].max())
    widest = last * MARGIN if last > 0 else 1.0
    bands = {}
    for arm, members in marked[marked["complete"]].groupby("arm", sort=False):
        rows = members.index.to_numpy()
        quality, spent = members["quality"].to_numpy(), members[cost.column].to_numpy()
        bands[str(arm)] = _band(quality, spent, quality_BS[:, rows], cost_BS[:, rows], widest)
    return View(cost, marked, bands, widest, _heights(marked))


def _heights(points: pd.DataFrame) -> tuple[float, float]:
    shown = points[points["arm_front"]] if points["arm_front"].any() else points[points["n"] > 0]
    if shown.empty:
        return 0.0, 1.0
    return min(float(points["quality"].min()), float(shown["quality_lo"].min())), float(
        shown["quality_hi"].max()
    )


def _band(quality_K: Floats, cost_K: Floats, quality_BK: Floats, cost_BK: Floats, widest: float) -> Band:
    """From 0 where some replicates reach nothing within a budget; widened, where needed, to hold the front itself."""
    own_F = cost_K[front_order(quality_K, cost_K)]
    budget_G = np.union1d(np.linspace(0.0, widest, BUDGETS), own_F)
    front_G = reached(quality_K[None], cost_K[None], budget_G)[0]
    tail = (1 - stats.LEVEL) / 2
    lo_G, hi_G = np.quantile(reached(quality_BK, cost_BK, budget_G), [tail, 1 - tail], axis=0)
    return Band(budget_G, np.minimum(lo_G, front_G), np.maximum(hi_G, front_G))


def hypervolumes(points: pd.DataFrame, draws: Draws, reference_nfe: float) -> dict[str, Interval]:
    """Per arm, of its complete settings, with the bootstrap's interval; 0 for an arm without any."""
    areas = {}
    for arm in points["arm"].unique():
        rows = np.flatnonzero(((points["arm"] == arm) & points["complete"]).to_numpy())
        quality, nfe = (points[name].to_numpy(dtype=np.float64)[rows] for name in ("quality", "nfe"))
        estimate = float(hypervolume(quality, nfe, reference_nfe))
        replicates_B = hypervolume(draws.quality_BS[:, rows], draws.cost_BS["nfe"][:, rows], reference_nfe)
        areas[str(arm)] = percentile_interval(estimate, replicates_B)
    return areas
