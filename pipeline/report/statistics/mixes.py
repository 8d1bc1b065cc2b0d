"""What mixes of settings achieve: one setting on some of the examples, drawn at random, and another on the rest.

In expectation a mix lies on the straight line between its two settings, so that the best mixes of a side are the least
concave line, never falling, that none of its settings lies above. A front that is concave is that line already. Below
its fastest setting it has no mix and is as high as that one, beyond its slowest corner it stays where it is.

Unlike the line through all settings (fronts.py) this one chooses: it keeps lucky settings and drops unlucky ones, the
more so the more settings a side has. By how much that flatters it the replicates estimate, as in bands.py: what their
own mixes reach in them, minus what the same mixes reach by the settings' qualities in the sample.

Shapes: B bootstrap replicates (or 1), F settings of one side, C corners, G budgets.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.report.statistics.fronts import Line
from pipeline.report.statistics.stats import Floats

ROUNDING = 1e-9  # relative


class Mixes(NamedTuple):
    """A side's best mixes per replicate: their corners by rising cost; `seen_BC`: quality in the sample."""

    quality_BC: Floats
    cost_BC: Floats
    seen_BC: Floats

    @property
    def line(self) -> Line:
        return self.quality_BC, self.cost_BC

    @property
    def seen(self) -> Line:
        """The same mixes, by what their settings score in the sample."""
        return self.seen_BC, self.cost_BC


def mixes(quality_BF: Floats, cost_BF: Floats, seen_F: Floats) -> Mixes:
    """`seen_F`: the settings' quality in the sample that is resampled."""
    corners_BC = corners(quality_BF, cost_BF)
    quality_BC, cost_BC = (np.take_along_axis(own, corners_BC, axis=1) for own in (quality_BF, cost_BF))
    return Mixes(quality_BC, cost_BC, seen_F[corners_BC])


def corners(quality_BF: Floats, cost_BF: Floats) -> NDArray[np.intp]:
    """The settings at which each replicate's best mixes change, (B, C), by rising cost from the fastest on.

    A replicate with fewer corners repeats its last. Settings with a NaN are left out.
    """
    known = ~(np.isnan(quality_BF) | np.isnan(cost_BF))
    quality, cost = (np.where(known, own, -np.inf) for own in (quality_BF, cost_BF))
    spent = np.where(known, cost, np.inf)
    at_B = np.where(spent == spent.min(axis=1, keepdims=True), quality, -np.inf).argmax(axis=1)
    found, rising = [at_B], np.arange(len(at_B))  # the replicates that may have a further corner
    while len(rising):
        rows, last = np.arange(len(rising)), at_B[rising]
        with np.errstate(invalid="ignore", divide="ignore"):  # settings as fast as the last, or left out
            rise, run = (own - own[rows, last, None] for own in (quality, cost))
            slope = np.where(run > 0, rise / run, 0.0)
        # Of settings on one straight line the last: neither their order nor rounding decides.
        tied = slope >= slope.max(axis=1, keepdims=True) * (1 - ROUNDING)
        steepest = np.where(tied, cost, -np.inf).argmax(axis=1)
        higher = slope[rows, steepest] > 0
        at_B = at_B.copy()
        at_B[rising[higher]] = steepest[higher]
        found.append(at_B)
        rising, quality, cost = rising[higher], quality[higher], cost[higher]
    return np.stack(found, axis=1)
