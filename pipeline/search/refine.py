"""Refinement of fronts: evaluate along the trade-off parameter where the front may still hide the most.

A *line* is one combination of a region's other keys, with the trade-off parameter free. On a line, two neighbouring
values with outcomes (NFE a, quality p) and (b, q), a < b and p < q, leave a rectangle: a setting between them may lie
anywhere in it. What the region's front already dominates of it is no longer open; the area of the rest is the
*uncertain area* between the two, as a share of the plane from 0 to the largest NFE and from quality 0 to 1. Where
quality falls instead (p > q), the line is not monotone there: a setting between the two may be as good as the region's
best. A coarse grid draws its front through the middle of such rectangles, whatever is in them.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.search.grid import combinations
from pipeline.search.space import Candidate, Dimension, Outcome, Range, Region, Space, existing, is_name

FINEST = 1 / 256  # of a line's length; a jump of the front within such a step is left as it is
LOG_FROM = 100  # between ends whose ratio is at least this, the middle is the geometric mean


@dataclass(frozen=True)
class Point:
    """One evaluated value of a line's parameter."""

    value: float
    nfe: float
    quality: float


@dataclass(frozen=True)
class Line:
    """A region's settings that differ in the trade-off parameter alone."""

    region: Region
    knobs: Mapping[str, Any]  # without the parameter
    parameter: str
    values: tuple[float, ...]  # ascending: the ends, and where they are whole numbers the only ones allowed

    def candidate(self, value: float) -> Candidate:
        return Candidate(self.region.group, existing({**self.knobs, self.parameter: value}, self.region.when))

    @property
    def start(self) -> list[float]:
        """The ends and the middle one of the values given."""
        return sorted({self.values[0], self.values[len(self.values) // 2], self.values[-1]})

    def between(self, low: float, high: float) -> float | None:
        """The value to evaluate between two neighbours; None where they are as close as they need be."""
        if all(isinstance(value, int) for value in self.values):
            inside = [value for value in self.values if low < value < high]
            return inside[len(inside) // 2] if inside else None
        first, last = self.values[0], self.values[-1]
        if first > 0 and last / first >= LOG_FROM:
            near = math.log(high / low) <= FINEST * math.log(last / first)
            middle = math.sqrt(low * high)
        else:
            near = high - low <= FINEST * (last - first)
            middle = (low + high) / 2
        rounded = float(f"{middle:.4g}")
        return None if near or not low < rounded < high else rounded


def ask_refine(space: Space, outcomes: Sequence[Outcome]) -> Sequence[Candidate]:
    """Every line's ends and middle at first; then, region by region, the middles of the widest open intervals.

    An interval is open while its uncertain area exceeds the region's tolerance, the same for all groups of a sweep, so
    that none is drawn more finely than another; of a region's open ones those are bisected at once that have at least
    half the area of its widest. Regions without a trade-off parameter are asked for whole.
    Raises ValueError for an open range of another key.
    """
    found = {(o.candidate.group, _key(o.candidate.knobs)): o for o in outcomes}
    asked: dict[str, Candidate] = {}
    for region in space:
        for candidate in _next(region, found, _scale(region, outcomes)):
            if (candidate.group, _key(candidate.knobs)) not in found:
                asked.setdefault(repr(candidate), candidate)
    return list(asked.values())


Found = Mapping[tuple[str, str], Outcome]


def _next(region: Region, found: Found, scale: float) -> Iterator[Candidate]:
    lines, single = _lines(region)
    first = [*single, *(line.candidate(value) for line in lines for value in line.start)]
    if any((candidate.group, _key(candidate.knobs)) not in found for candidate in first):
        yield from first
        return
    by_line = _by_line(region, found)
    measured = [(line, _points(by_line[_key(line.knobs)])) for line in lines]
    front = [point for _, points in measured for point in points]
    best = max((point.quality for point in front), default=0.0)
    gaps = [
        (uncertain_area(low, high, front, scale, best), line, middle)
        for line, points in measured
        for low, high in itertools.pairwise(points)
        if (middle := line.between(low.value, high.value)) is not None
    ]
    widest = max((area for area, _, _ in gaps), default=0.0)
    for area, line, middle in gaps:
        if area > region.tolerance and area >= widest / 2:
            yield line.candidate(middle)


def uncertain_area(
    one: Point, other: Point, front: Sequence[Point], scale: float, best: float = 0.0
) -> float:
    """What of the rectangle between two neighbours no known point dominates, as a share of scale x 1.

    `best`: the quality up to which it reaches where quality falls while NFE rises.
    """
    left, right = sorted((one, other), key=lambda point: (point.nfe, -point.quality))
    top = right.quality if right.quality >= left.quality else best
    if top <= left.quality or scale <= 0:
        return 0.0  # nothing between them can be better than both
    edges = sorted({left.nfe, right.nfe, *(p.nfe for p in front if left.nfe < p.nfe < right.nfe)})
    area = 0.0
    for start, stop in itertools.pairwise(edges):
        known = max(point.quality for point in (left, *front) if point.nfe <= start)
        area += (stop - start) * max(0.0, top - known)
    return area / scale


def _lines(region: Region) -> tuple[list[Line], list[Candidate]]:
    """A line for each combination of the other keys; and the combinations that have no trade-off parameter."""
    if region.along is None:
        return [], list(combinations(region))
    others = {key: dimension for key, dimension in region.grid.items() if key != region.along}
    values = _ends(region.grid[region.along])
    rest = Region(region.group, region.fixed, others, region.when)
    lines: dict[str, Line] = {}
    single: dict[str, Candidate] = {}
    for candidate in combinations(rest):
        if region.along in existing({**candidate.knobs, region.along: values[0]}, region.when):
            lines[repr(candidate)] = Line(region, candidate.knobs, region.along, values)
        else:
            single[repr(candidate)] = candidate
    return list(lines.values()), list(single.values())


def _ends(dimension: Dimension) -> tuple[float, ...]:
    if isinstance(dimension, Range):
        middle = (
            (dimension.low * dimension.high) ** 0.5 if dimension.log else (dimension.low + dimension.high) / 2
        )
        return (dimension.low, middle, dimension.high)
    return tuple(sorted(dimension))


def _by_line(region: Region, found: Found) -> Mapping[str, dict[float, Outcome]]:
    """The outcomes of the region's lines by their other knobs, and of a line by its value."""
    lines: defaultdict[str, dict[float, Outcome]] = defaultdict(dict)
    for (group, _), outcome in found.items():
        knobs = dict(outcome.candidate.knobs)
        if group == region.group and region.along in knobs:
            value = knobs.pop(region.along)
            lines[_key(knobs)][value] = outcome
    return lines


def _points(outcomes: Mapping[float, Outcome]) -> list[Point]:
    """A line's evaluated points by ascending value; those without a scored example are left out."""
    return [
        Point(value, outcome.nfe, outcome.quality)
        for value, outcome in sorted(outcomes.items())
        if outcome.nfe is not None and outcome.quality is not None
    ]


def _scale(region: Region, outcomes: Sequence[Outcome]) -> float:
    """The largest NFE among the regions that are compared with this one: of the same configs by name."""
    named = {key: value for key, value in region.fixed.items() if is_name(key, value) and key != "axon"}
    return max(
        (o.nfe for o in outcomes if o.nfe is not None and named.items() <= o.candidate.knobs.items()),
        default=0.0,
    )


def _key(knobs: Mapping[str, Any]) -> str:
    return repr(sorted(knobs.items(), key=lambda item: item[0]))
