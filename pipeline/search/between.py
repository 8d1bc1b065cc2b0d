"""What a value of a line's parameter may come to, by the decodes of its neighbours that hold there, too.

Two neighbours' means differ by the sum of what their examples differ by. Of an example whose decode under the lower
value holds up to the one asked, or down to it from the higher value, the outcome there is known. So at that value the
line has left the lower neighbour by what the second kind differ by, and is short of the higher one by what the first
kind do; the new examples alone are in between.

Of these some become right and others wrong from the one neighbour to the other, in an order that nobody knows: where
more have become right than wrong by then, quality is higher between the two than at either. So even between two values
of the same quality there may be a better one, by what a random order comes to in the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.search.box import Box, Point


@dataclass(frozen=True)
class Prospect:
    """A value that may be evaluated, the share of the examples that are new there, and the box its point will be in.

    The box ends at the line's known point of more NFE, and begins at the quality of the one of less: of what the value
    adds to the front, all between the two counts. Where nothing is new it is the point's own part of the front.
    """

    value: float
    new: float
    box: Box


def prospects(low: Point, high: Point, values: Sequence[float], best: float) -> list[Prospect]:
    """Of the values between two neighbours; of the first alone where their decodes tell nothing, as all are alike."""
    unknown = [Prospect(values[0], 1.0, Box.between(low, high, best))]
    one, other = low.decodes, high.decodes
    if one is None or other is None or len(one.score) != len(other.score):
        return unknown
    # Means are of scored examples. One that can't be scored takes no part, as it says nothing.
    scored_N = ~np.isnan(one.score + one.nfe + other.score + other.nfe)
    one, other = one.of(scored_N), other.of(scored_N)
    gain_N, more_N = other.score - one.score, other.nfe - one.nfe
    value_V1 = np.array(values)[:, None]
    as_low_VN = value_V1 < one.below
    as_high_VN = (value_V1 > other.above) & ~as_low_VN
    new_VN = ~(as_low_VN | as_high_VN)
    if new_VN.all():
        return unknown
    size = len(gain_N)
    left, right = sorted((low, high), key=lambda point: (point.nfe, -point.quality))
    found = []
    for value, as_high_N, new_N in zip(values, as_high_VN, new_VN, strict=True):
        nfe, quality = (
            low.nfe + more_N[as_high_N].sum() / size,
            low.quality + gain_N[as_high_N].sum() / size,
        )
        # From the one end, not back from the other: where the new examples tell no difference, there is none.
        more, gain = (own_N[new_N].sum() / size for own_N in (more_N, gain_N))
        least, most = Point(value, nfe, quality), Point(value, nfe + more, quality + gain)
        start, stop = sorted((least, most), key=lambda point: (point.nfe, -point.quality))
        # All that get better have, no other:
        perfect = least.quality + np.maximum(gain_N[new_N], 0).sum() / size
        top = max(least.quality, most.quality) + detour(gain_N[new_N]) / size
        found.append(
            Prospect(
                value,
                float(new_N.mean()),
                Box(
                    float(start.nfe),
                    float(max(right.nfe, stop.nfe)),
                    float(min(left.quality, start.quality)),
                    float(min(top, perfect)),
                ),
            )
        )
    return found


def detour(gain_n: NDArray[np.floating]) -> float:
    """How far a sum of these gains and losses rises on its way above the higher of its start and its end, in the mean
    over the orders in which they may come; as if all were equally large.

    In a random walk of a steps of one kind and b >= a of the other, the chance of j or more is, by reflection,
    a (a - 1) .. / (b + 1) (b + 2) .. with j factors each (Feller, An Introduction to Probability Theory, vol. 1, III).
    """
    few, many = sorted((int((gain_n > 0).sum()), int((gain_n < 0).sum())))
    if not few:
        return 0.0
    factor = np.arange(few)
    shares = np.cumprod((few - factor) / (many + 1 + factor))
    return float(shares.sum() * np.abs(gain_n[gain_n != 0]).mean())


def beyond(last: Point, end: float, growth: float) -> Prospect:
    """Of a line's end that isn't known: NFE may be `growth` times the last known point's, and each new answer right."""
    new, top = 1.0, 1.0
    if last.decodes is not None:
        score_N, _, above_N, below_N = last.decodes.of(~np.isnan(last.decodes.score))
        new_N = ~((above_N < end) & (end < below_N))
        if not new_N.all():
            new = float(new_N.mean())
            top = min(1.0, last.quality + float((1 - score_N[new_N]).sum()) / len(score_N))
    return Prospect(end, new, Box(last.nfe, last.nfe * growth, last.quality, top))


def growth(last: Point, end: float, line: Sequence[Point]) -> float:
    """By which NFE grows from a last known point to that end, if it does as on another line, by ascending value."""
    values, nfe = [point.value for point in line], [point.nfe for point in line]
    before, after = np.interp([last.value, end], values, nfe)
    return max(1.0, float(after / before)) if before else 1.0
