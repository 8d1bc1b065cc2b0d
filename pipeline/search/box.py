"""What a front may still hide: a box in the plane of NFE and quality, and how much of it nothing known reaches.

Two settings reach what lies on the line between them, too, in expectation: one of them decodes some of the examples
and the other the rest (as in report/matched.py). So the known front is the concave one over the known points.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """One evaluated value of a line's parameter."""

    value: float
    nfe: float
    quality: float


@dataclass(frozen=True)
class Box:
    """NFE from `start` to `stop`, quality from `floor` to `top`."""

    start: float
    stop: float
    floor: float
    top: float

    @classmethod
    def between(cls, one: Point, other: Point, best: float) -> Box:
        """Of two neighbours. Where quality falls while NFE rises, the line is not monotone: what fell by so much may
        have risen by as much before, and may be as good as `best`.
        """
        left, right = sorted((one, other), key=lambda point: (point.nfe, -point.quality))
        fall = left.quality - right.quality
        top = right.quality if fall <= 0 else min(1.0, max(best, left.quality + fall))
        return cls(left.nfe, right.nfe, left.quality, top)

    def overlaps(self, other: Box) -> bool:
        """Whether what is found in one may dominate some of the other."""
        return (
            min(self.stop, other.stop) > max(self.start, other.start)
            and min(self.top, other.top) > max(self.floor, other.floor)
        )  # fmt: skip

    def uncertain_area(self, front: Sequence[Point], scale: float) -> float:
        """What of it lies above a concave front that begins no later than the box, as a share of `scale` x 1."""
        if self.top <= self.floor or scale <= 0:
            return 0.0  # nothing in it can be better than what bounds it
        inner = (point.nfe for point in front if self.start < point.nfe < self.stop)
        edges = sorted({self.start, self.stop, *inner})
        above = [self.top - _quality(front, nfe) for nfe in edges]
        area = 0.0
        for (start, stop), (first, last) in zip(
            itertools.pairwise(edges), itertools.pairwise(above), strict=True
        ):
            if last >= 0:
                area += (stop - start) * (first + last) / 2
            elif first > 0:  # the front leaves the box through its top
                area += (stop - start) * first / (first - last) * first / 2
        return area / scale


def concave(points: Sequence[Point]) -> list[Point]:
    """The corners of the front of points and mixes of two, by increasing NFE and quality."""
    corners: list[Point] = []
    for point in sorted(points, key=lambda point: (point.nfe, -point.quality)):
        if corners and point.quality <= corners[-1].quality:
            continue
        while len(corners) > 1 and _rise(corners[-2], corners[-1]) <= _rise(corners[-2], point):
            corners.pop()
        corners.append(point)
    return corners


def _rise(start: Point, stop: Point) -> float:
    return (stop.quality - start.quality) / (stop.nfe - start.nfe)


def _quality(front: Sequence[Point], nfe: float) -> float:
    """Of a concave front at an NFE no less than its first point's; past its last point it stays."""
    place = bisect.bisect_right(front, nfe, key=lambda point: point.nfe)
    left = front[place - 1]
    if place == len(front):
        return left.quality
    return left.quality + _rise(left, front[place]) * (nfe - left.nfe)
