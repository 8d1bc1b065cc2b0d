"""What a front may still hide: a box in the plane of NFE and quality, and how much of it nothing dominates."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.search.decodes import Decodes


@dataclass(frozen=True)
class Point:
    """One evaluated value of a line's parameter."""

    value: float
    nfe: float
    quality: float
    decodes: Decodes | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Box:
    """NFE from `start` to `stop`, quality from `floor` to `top`."""

    start: float
    stop: float
    floor: float
    top: float

    @classmethod
    def between(cls, one: Point, other: Point, best: float) -> Box:
        """Of two neighbours. Where quality falls while NFE rises, the line is not monotone: between the two it may be
        as good as `best`, and may have risen by as much as it falls.
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
        """What of it no known point dominates, as a share of `scale` x 1."""
        if self.top <= self.floor or scale <= 0:
            return 0.0  # nothing in it can be better than what bounds it
        inner = (point.nfe for point in front if self.start < point.nfe < self.stop)
        area = 0.0
        for start, stop in itertools.pairwise(sorted({self.start, self.stop, *inner})):
            known = max((point.quality for point in front if point.nfe <= start), default=self.floor)
            area += (stop - start) * max(0.0, self.top - max(self.floor, known))
        return area / scale


def undominated(points: Sequence[Point]) -> list[Point]:
    """Those that leave as much of any box open as all of them do: by ascending NFE and quality."""
    found: list[Point] = []
    for point in sorted(points, key=lambda point: (point.nfe, -point.quality)):
        if not found or point.quality > found[-1].quality:
            found.append(point)
    return found
