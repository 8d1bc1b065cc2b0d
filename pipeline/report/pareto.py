"""The quality-NFE front: which settings nobody beats, and how much area they hold.

Quality is to be high, NFE (mean model passes a sample) low. A setting dominates another when it is at least as
good in both and better in one. Settings with equal quality and equal NFE do not dominate each other: all of them
are on the front.

Hypervolume: the area dominated by a set, with the fixed reference point (NFE = generation length, quality = 0), on
linear axes, divided by the generation length. So it lies in [0, 1] for qualities in [0, 1] and reads as "the best
quality within a budget of passes, averaged over all budgets from 0 to the generation length".
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BUDGETS = 65  # points at which a line's height is taken


def non_dominated(quality: Floats, nfe: Floats) -> NDArray[np.bool_]:
    """Mask of the points no other point dominates, (K,); a point with a NaN is never on the front."""
    on_front = np.zeros(len(quality), dtype=np.bool_)
    best, nfe_of_best = -np.inf, -np.inf
    for index in np.lexsort((-quality, nfe)):
        if np.isnan(quality[index]) or np.isnan(nfe[index]):
            continue
        if quality[index] > best:
            best, nfe_of_best = quality[index], nfe[index]
            on_front[index] = True
        elif quality[index] == best and nfe[index] == nfe_of_best:
            on_front[index] = True
    return on_front


def front_order(quality: Floats, nfe: Floats) -> NDArray[np.intp]:
    """Indices of the front's distinct points by rising NFE (and so by rising quality)."""
    members = np.flatnonzero(non_dominated(quality, nfe))
    _, first = np.unique(nfe[members], return_index=True)
    return members[first]


def hypervolume(quality: Floats, nfe: Floats, reference_nfe: float) -> float:
    """Area under the step front, as a share of the reference's width; points beyond the reference add nothing."""
    if reference_nfe <= 0:
        return 0.0
    order = front_order(quality, nfe)
    edges = np.minimum(np.append(nfe[order], reference_nfe), reference_nfe)
    return float((np.diff(edges) * quality[order]).sum() / reference_nfe)


def mean_quality_between(quality_BF: Floats, nfe_BF: Floats, lo: float, hi: float) -> Floats:
    """Mean height, over budgets from lo to hi passes, of the line through F settings by rising NFE; (B,).

    A point on the line between two settings is reached, in expectation, by running one on a share of the examples
    and the other on the rest. Nothing is chosen here (a setting that lies badly pulls the line down), so two sides
    with equally many settings compare without bias. Beyond its ends the line is flat.
    """
    budgets = np.linspace(lo, hi, BUDGETS)
    heights_B = np.full(len(quality_BF), np.nan)
    for row, (quality_F, nfe_F) in enumerate(zip(quality_BF, nfe_BF, strict=True)):
        known = np.flatnonzero(~np.isnan(quality_F) & ~np.isnan(nfe_F))
        if len(known):
            order = known[np.argsort(nfe_F[known], kind="stable")]
            heights_B[row] = np.interp(budgets, nfe_F[order], quality_F[order]).mean()
    return heights_B
