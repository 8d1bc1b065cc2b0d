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
from numpy.typing import NDArray

from pipeline.report.statistics import stats
from pipeline.report.statistics.pareto import area, best_so_far, front_order, hypervolume, within
from pipeline.report.statistics.sample import Draws
from pipeline.report.statistics.stats import Floats, Interval

BUDGETS = 120  # at which a band is evaluated, besides its front's own points


@dataclass(frozen=True)
class Band:
    """The 95 % interval of the best quality that a group achieves within each of G budgets."""

    budget_G: Floats
    lo_G: Floats
    hi_G: Floats

    @property
    def narrowed(self) -> bool:
        """Whether it has no width at some budget that a setting fits in: there the examples agree, and nobody sees it.

        Such a place is no certainty. Within a budget that no replicate has a setting for both ends are 0.
        """
        return bool((_alike(self.lo_G, self.hi_G) & (self.hi_G > 0)).any())


class Achieved(NamedTuple):
    """By a group's complete settings."""

    band: Band | None  # None without any, and of examples that are too few or all agree
    hypervolume: Interval


class Reached(NamedTuple):
    """Per replicate the best quality within each budget and the area under it; and both by what the settings that are
    best score in the sample that is resampled.
    """

    best_BG: Floats
    seen_BG: Floats
    best_area_B: Floats
    seen_area_B: Floats


def achieve(
    points: pd.DataFrame, cost: str, draws: Draws, widest: float, reference: float
) -> dict[str, Achieved]:
    """Per group, over its complete settings: bands for budgets of `cost` from 0 to `widest`, hypervolumes up to
    `reference`.

    A band starts at 0 where some replicates have no setting within the budget, and contains the group's front. A group
    without a complete setting has no hypervolume. Of too few examples, or such as all agree, there is no band, nor an
    interval.
    """
    return {
        str(group): _achieved(
            points[(points["group"] == group) & points["complete"]], cost, draws, widest, reference
        )
        for group in points["group"].unique()
    }


def _achieved(own: pd.DataFrame, cost: str, draws: Draws, widest: float, reference: float) -> Achieved:
    if own.empty:
        return Achieved(None, stats.UNKNOWN)
    quality, spent = (own[name].to_numpy(dtype=np.float64) for name in ("quality", cost))
    estimate = hypervolume(quality, spent, reference)
    unknown = stats.UNKNOWN._replace(estimate=float(estimate))
    n = int(own["n"].min())
    if n < stats.FEWEST:
        return Achieved(None, unknown)
    spent_s, best_s, _ = best_so_far(quality, spent)
    budget_G = np.union1d(np.linspace(0.0, widest, BUDGETS), spent[front_order(quality, spent)])
    [front_1G] = within(budget_G, spent_s[None], best_s[None])
    reached = _reached(own.index.to_numpy(), cost, draws, budget_G, reference)
    lo, hi = map(float, _ends(estimate, reached.best_area_B, reached.seen_area_B, n))
    band = Band(budget_G, *_ends(front_1G[0], reached.best_BG, reached.seen_BG, n))
    wide = not _alike(band.lo_G, band.hi_G).all()
    area = Interval(float(estimate), lo, hi) if stats.tells(n, lo, hi) else unknown
    return Achieved(band if wide else None, area)


def _alike(lo_G: Floats, hi_G: Floats) -> NDArray[np.bool_]:
    return np.isclose(lo_G, hi_G, rtol=stats.ROUNDING, atol=0.0)


def _reached(rows: NDArray[np.intp], cost: str, draws: Draws, budget_G: Floats, reference: float) -> Reached:
    found = []
    for quality_bK, cost_bK in draws.blocks(rows, cost):
        cost_bK, best_bK, index_bK = best_so_far(quality_bK, cost_bK)
        seen_bK = np.where(best_bK > 0, draws.quality_S[rows][index_bK], 0.0)
        heights_bG = within(budget_G, cost_bK, best_bK, seen_bK)
        found.append((*heights_bG, *(area(cost_bK, own_bK, reference) for own_bK in (best_bK, seen_bK))))
    return Reached(*map(np.concatenate, zip(*found, strict=True)))


def _ends(estimate: Floats, best_B: Floats, seen_B: Floats, n: int) -> tuple[Floats, Floats]:
    """The interval's ends, (...), from replicates (B, ...) of n examples; widened where necessary to contain the
    estimate.
    """
    tail = stats.tail(n)
    lo, hi = np.quantile(best_B, [tail, 1 - tail], axis=0)
    optimism = np.maximum((best_B - seen_B).mean(axis=0), 0.0)
    return np.minimum(np.maximum(lo - 2 * optimism, 0.0), estimate), np.maximum(hi, estimate)
