"""How far a decode is from one token after the other: Spearman's correlation with left to right, and AFP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.report.data.order import Integers

if TYPE_CHECKING:
    from pipeline.report.statistics.stats import Floats


def spearman_rho(place_NG: Integers) -> Floats:
    """Spearman's correlation of the steps that revealed the positions with the same steps in ascending order, (N,).

    1 left to right, -1 right to left. Tokens revealed together are in order whichever of them comes first, unlike in
    `kendall_tau`, which counts them as ties. `place_NG` as of `order.places`: positions not decoded (0) are left out;
    NaN where all were revealed in one step.
    Source: furiosa-ai/ParallelBench, parallelbench/models/model_utils.py (compute_decoding_order_correlation).
    """
    count_NS = _counts(place_NG)
    # Tokens revealed in one step share the mean of their ranks. In any order the ranks have one mean and one spread.
    rank_NS = count_NS.cumsum(axis=1) - (count_NS - 1) / 2
    size_N = count_NS.sum(axis=1)
    away_NS = rank_NS - (size_N[:, None] + 1) / 2
    spread_N = (count_NS * away_NS**2).sum(axis=1)
    decoded_NG = place_NG > 0
    own_NG = np.where(decoded_NG, np.take_along_axis(away_NS, np.maximum(place_NG - 1, 0), axis=1), np.inf)
    ordered_NG = np.sort(own_NG, axis=1)
    # The decoded positions side by side, in their order, so that the k-th meets the k-th smallest.
    compact_NG = own_NG
    if not decoded_NG.all():
        compact_NG = np.take_along_axis(own_NG, np.argsort(~decoded_NG, axis=1, kind="stable"), axis=1)
    known_NG = np.arange(place_NG.shape[1]) < size_N[:, None]
    products_NG = np.multiply(ordered_NG, compact_NG, out=np.zeros(own_NG.shape), where=known_NG)
    return _ratio(products_NG.sum(axis=1), spread_N)


def afp(place_NG: Integers) -> Floats:
    """Average finalisation parallelism, (N,): tokens by the distinct steps in which they became final.

    1 one token a step, the number of tokens where one step revealed all; steps that left nothing final don't count, so
    it is at least tokens per step. NaN where nothing was decoded.
    Source: arXiv 2601.15593, AFP = n / |{c_1, ..., c_n}| with c_i the step in which token i is finalised.
    """
    count_NS = _counts(place_NG)
    return _ratio(count_NS.sum(axis=1), (count_NS > 0).sum(axis=1))


def _counts(place_NG: Integers) -> Integers:
    """How many tokens each step revealed, (N, S)."""
    rows, steps = len(place_NG), int(place_NG.max(initial=1))
    cell_NG = np.arange(rows)[:, None] * steps + place_NG - 1
    return np.bincount(cell_NG[place_NG > 0], minlength=rows * steps).reshape(rows, steps)


def _ratio(above_N: NDArray[np.number], below_N: NDArray[np.number]) -> Floats:
    """NaN where there is nothing to divide by."""
    found_N: Floats = np.divide(above_N, below_N, out=np.full(len(below_N), np.nan), where=below_N > 0)
    return found_N
