"""The quality-NFE Pareto front: which settings are not dominated, and their hypervolume.

Quality is maximised, NFE (mean number of function evaluations per example) minimised. A setting dominates another if
it is at least as good in both and better in one. Settings with equal quality and equal NFE don't dominate each other:
all of them are on the front.

Hypervolume: the area dominated by a set, with the fixed reference point (NFE = generation length, quality = 0), on
linear axes, divided by the generation length. It lies in [0, 1] for qualities in [0, 1] and is the best quality within
an NFE budget, averaged over all budgets from 0 to the generation length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # stats.py imports scipy, which a display that sorts a front does not wait for
    from pipeline.report.statistics.stats import Floats


def non_dominated(quality: Floats, nfe: Floats) -> NDArray[np.bool_]:
    """Mask of the points that no other point dominates, (..., K); a point with a NaN is never on the front.

    Leading dimensions are separate sets of points, such as bootstrap replicates.
    """
    order, quality_s, nfe_s = _by_nfe(quality, nfe)
    best = np.maximum.accumulate(quality_s, axis=-1)
    better = quality_s > np.concatenate([np.full_like(best[..., :1], -np.inf), best[..., :-1]], axis=-1)
    # Equal points are adjacent, and what holds for the first of them holds for all.
    same = (quality_s[..., 1:] == quality_s[..., :-1]) & (nfe_s[..., 1:] == nfe_s[..., :-1])
    places = np.arange(quality_s.shape[-1])
    places = np.where(np.concatenate([np.zeros_like(better[..., :1]), same], axis=-1), 0, places)
    first = np.maximum.accumulate(places, axis=-1)
    on_front = np.zeros_like(better)
    np.put_along_axis(on_front, order, np.take_along_axis(better, first, axis=-1), axis=-1)
    return on_front


def _by_nfe(quality: Floats, nfe: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
    """The order by increasing NFE, the better first among equals, and both in it; points with a NaN last, at -inf."""
    known = ~(np.isnan(quality) | np.isnan(nfe))
    quality, nfe = np.where(known, quality, -np.inf), np.where(known, nfe, np.inf)
    order = np.lexsort((-quality, nfe), axis=-1)
    return order, np.take_along_axis(quality, order, axis=-1), np.take_along_axis(nfe, order, axis=-1)


def front_order(quality: Floats, nfe: Floats) -> NDArray[np.intp]:
    """Indices of the front's distinct points by increasing NFE (and so by increasing quality)."""
    members = np.flatnonzero(non_dominated(quality, nfe))
    _, first = np.unique(nfe[members], return_index=True)
    return members[first]


def corners(quality_BF: Floats, nfe_BF: Floats) -> NDArray[np.intp]:
    """The front's points of each set by increasing NFE, (B, C); a set with fewer repeats its last."""
    on_BF = non_dominated(quality_BF, nfe_BF)
    order_BF = np.argsort(np.where(on_BF, nfe_BF, np.inf), axis=1, kind="stable")
    size_B1 = on_BF.sum(axis=1, keepdims=True)
    place_BC = np.minimum(np.arange(max(int(size_B1.max(initial=1)), 1)), np.maximum(size_B1 - 1, 0))
    return np.take_along_axis(order_BF, place_BC, axis=1)


def best_so_far(quality: Floats, nfe: Floats) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """By increasing NFE: the NFE, the best quality so far (0 for none), and the index of its point; (..., K)."""
    order, quality_s, nfe_s = _by_nfe(quality, nfe)
    best = np.maximum.accumulate(quality_s, axis=-1)
    better = quality_s > np.concatenate([np.full_like(best[..., :1], -np.inf), best[..., :-1]], axis=-1)
    place = np.maximum.accumulate(np.where(better, np.arange(best.shape[-1]), 0), axis=-1)
    return nfe_s, np.maximum(best, 0.0), np.take_along_axis(order, place, axis=-1)


def within(budget_G: Floats, nfe_BK: Floats, *heights_BK: Floats) -> list[Floats]:
    """Each height of the last point within each budget, (B, G); 0 where there is none. NFE and budgets rise."""
    reached_BK = budget_G.searchsorted(nfe_BK)  # the first budget that each point is within
    cells_BK = reached_BK + np.arange(len(nfe_BK))[:, None] * (len(budget_G) + 1)
    points_BG = np.bincount(cells_BK.ravel(), minlength=len(nfe_BK) * (len(budget_G) + 1))
    last_BG = points_BG.reshape(len(nfe_BK), -1)[:, :-1].cumsum(axis=1)
    none_B1 = np.zeros((len(nfe_BK), 1))
    return [
        np.take_along_axis(np.concatenate([none_B1, height_BK], axis=-1), last_BG, axis=-1)
        for height_BK in heights_BK
    ]


def area(nfe: Floats, height: Floats, reference_nfe: float) -> Floats:
    """Area under a step function of NFE, (...), as a fraction of the reference NFE; nothing beyond it counts."""
    if reference_nfe <= 0:
        return np.zeros(nfe.shape[:-1])
    edges = np.minimum(np.concatenate([nfe, np.full_like(nfe[..., :1], np.inf)], axis=-1), reference_nfe)
    areas = (np.diff(edges, axis=-1) * height).sum(axis=-1) / reference_nfe
    rounded: Floats = np.round(
        areas, 12
    )  # equal step functions have equal areas, however many points lie on them
    return rounded


def hypervolume(quality: Floats, nfe: Floats, reference_nfe: float) -> Floats:
    """Area under the step front, (...)."""
    nfe_s, best, _ = best_so_far(quality, nfe)
    return area(nfe_s, best, reference_nfe)
