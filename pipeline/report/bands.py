"""What a group achieves within each budget, and over all of them (its hypervolume), with confidence intervals.

Replicates come from the bootstrap over examples. The best of many settings looks better than it is on the examples
that it was selected on; so does a replicate's best, once more, relative to the sample that is resampled. The
replicates estimate this optimism: what their best settings score in them, minus what these score in the sample. The
lower end of each interval is lowered by twice that: for the sample's own selection and for the replicate's.

Source: Efron, JASA 78 (1983) 316, the bootstrap's estimate of optimism.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.report import stats
from pipeline.report.pareto import area, best_so_far, front_order, hypervolume, within
from pipeline.report.sample import Draws
from pipeline.report.stats import Floats, Interval

BUDGETS = 120  # at which a band is evaluated, besides its front's own points


@dataclass(frozen=True)
class Band:
    """The 95 % interval of the best quality that a group achieves within each of G budgets."""

    budget_G: Floats
    lo_G: Floats
    hi_G: Floats


class Chosen(NamedTuple):
    """Of a group, per replicate by increasing cost: the cost, the best quality so far, and its setting's score in the
    sample that is resampled; (B, K) each, K complete settings.
    """

    cost_BK: Floats
    best_BK: Floats
    seen_BK: Floats


def choose(points: pd.DataFrame, cost: str, draws: Draws) -> dict[str, Chosen]:
    """Per group."""
    return {str(group): _chosen(_complete(points, group), cost, draws) for group in points["group"].unique()}


def make_bands(points: pd.DataFrame, cost: str, chosen: dict[str, Chosen], widest: float) -> dict[str, Band]:
    """Per group, over its complete settings, for budgets of `cost` from 0 to `widest`.

    A band starts at 0 where some replicates have no setting within the budget, and contains the group's front.
    """
    bands = {}
    for group, own in points[points["complete"]].groupby("group", sort=False):
        quality, spent = (own[name].to_numpy(dtype=np.float64) for name in ("quality", cost))
        corners = spent[front_order(quality, spent)]
        budget_G = np.union1d(np.linspace(0.0, widest, BUDGETS), corners)
        spent_s, best_s, _ = best_so_far(quality, spent)
        front_G = within(budget_G, spent_s[None], best_s[None])[0]
        cost_BK, best_BK, seen_BK = chosen[str(group)]
        best_BG, seen_BG = within(budget_G, cost_BK, best_BK), within(budget_G, cost_BK, seen_BK)
        bands[str(group)] = Band(budget_G, *_ends(front_G, best_BG, seen_BG))
    return bands


def hypervolumes(
    points: pd.DataFrame, chosen: dict[str, Chosen], reference: float, cost: str = "nfe"
) -> dict[str, Interval]:
    """Per group, over its complete settings, up to a `reference` cost; 0 for a group without any."""
    areas = {}
    for group, (cost_BK, best_BK, seen_BK) in chosen.items():
        own = _complete(points, group)
        quality, spent = (own[name].to_numpy(dtype=np.float64) for name in ("quality", cost))
        estimate = hypervolume(quality, spent, reference)
        ends = _ends(estimate, area(cost_BK, best_BK, reference), area(cost_BK, seen_BK, reference))
        areas[group] = Interval(float(estimate), *map(float, ends))
    return areas


def _complete(points: pd.DataFrame, group: str) -> pd.DataFrame:
    return points[(points["group"] == group) & points["complete"]]


def _chosen(own: pd.DataFrame, cost: str, draws: Draws) -> Chosen:
    rows = own.index.to_numpy()
    cost_BK, best_BK, index_BK = best_so_far(draws.quality_BS[:, rows], draws.cost_BS[cost][:, rows])
    seen_BK = np.where(best_BK > 0, draws.quality_S[rows][index_BK], 0.0)
    return Chosen(cost_BK, best_BK, seen_BK)


def _ends(estimate: Floats, best_B: Floats, seen_B: Floats) -> tuple[Floats, Floats]:
    """The interval's ends, (...), from replicates (B, ...); widened where necessary to contain the estimate."""
    tail = (1 - stats.LEVEL) / 2
    lo, hi = np.quantile(best_B, [tail, 1 - tail], axis=0)
    optimism = np.maximum((best_B - seen_B).mean(axis=0), 0.0)
    return np.minimum(np.maximum(lo - 2 * optimism, 0.0), estimate), np.maximum(hi, estimate)
