"""Refinement of fronts: evaluate along the trade-off parameter where the front may still hide the most.

A *line* is one combination of a region's other keys, with the trade-off parameter free. On a line, two neighbouring
values with outcomes (NFE a, quality p) and (b, q), a < b and p < q, leave a box: a setting between them may lie
anywhere in it. What the region's front already dominates of it is no longer open; the area of the rest is the
*uncertain area* between the two, as a share of the plane from the least to the largest NFE and from quality 0 to 1.
Where quality falls instead (p > q), the line is not monotone there: a setting between the two may be as good as the
region's best, and better than p by as much as q is worse. A coarse grid draws its front through the middle of such
boxes, whatever is in them.

Where neighbours have examples whose decodes hold up to the value asked (axon/leeway.py), only the others are decoded
there, and only they are uncertain: the gap's box is that of between.py. A value of which a share s of the
examples is new is worth its passes from s^2 of the tolerance on. For the new examples' own means may lie anywhere in a
box 1/s times as wide and as high: so the rule asks the same of them as of a value of which nothing is known, and a
model whose decodes never repeat is searched as coarsely as if none ever did.

The costly end of a line is worth its passes only if the line may still get better than the front there. So the first
line of a region is evaluated at both ends and in the middle, the others in the middle and then at the cheap end; beyond
the middle they have a box, too, up to quality 1 and as many times the middle's NFE as on the first line.

A value of which no example could be scored tells nothing, so that it closes nothing, either: another value is asked for
in its place, in a gap the next of those looked at, as an end or the middle the next one given. Only a line of which
nothing at all could be scored is left.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.search.box import Box, Point, undominated
from pipeline.search.grid import combinations
from pipeline.search.space import Candidate, Dimension, Outcome, Range, Region, Space, existing, is_name

if TYPE_CHECKING:
    from pipeline.search.between import Prospect

FINEST = 1 / 256  # of a line's length; a jump of the front within such a step is left as it is
FREE = 1 / 8  # of the examples; a value of which no more are new is taken for one that costs so much
EIGHTHS = (4, 3, 5, 2, 6, 1, 7)  # of a gap: the values looked at, the middle one first
LOG_FROM = 100  # between ends whose ratio is at least this, the middle is the geometric mean


@dataclass(frozen=True)
class Line:
    """A region's settings that differ in the trade-off parameter alone."""

    region: Region
    knobs: Mapping[str, Any]  # without the parameter
    parameter: str
    values: tuple[float, ...]  # ascending: the ends, and where they are whole numbers the only ones allowed
    unscored: frozenset[float] = frozenset()  # those of which no example could be scored

    def candidate(self, value: float) -> Candidate:
        return Candidate(self.region.group, existing({**self.knobs, self.parameter: value}, self.region.when))

    @property
    def start(self) -> list[float]:
        """The ends and the middle one of the values given, but for those that can't be scored, unless none can."""
        own = [value for value in self.values if value not in self.unscored] or self.values
        return sorted({own[0], own[len(own) // 2], own[-1]})

    def between(self, low: float, high: float) -> list[float]:
        """Values that may be evaluated between two neighbours, the middle one first; none where they are as close as
        they need be.
        """
        if all(isinstance(value, int) for value in self.values):
            inside = [value for value in self.values if low < value < high and value not in self.unscored]
            return list(dict.fromkeys(inside[len(inside) * part // 8] for part in EIGHTHS)) if inside else []
        first, last = self.values[0], self.values[-1]
        by_ratio = first > 0 and last / first >= LOG_FROM
        if by_ratio:
            near = math.log(high / low) <= FINEST * math.log(last / first)
        else:
            near = high - low <= FINEST * (last - first)
        values = [low, high]
        for _ in range(3):
            means = [
                math.sqrt(one * other) if by_ratio else (one + other) / 2
                for one, other in itertools.pairwise(values)
            ]
            values = [*itertools.chain(*zip(values, means, strict=False)), high]
        rounded = [float(f"{values[part]:.4g}") for part in EIGHTHS]
        if near or not low < rounded[0] < high:
            return []
        return [
            value for value in dict.fromkeys(rounded) if low < value < high and value not in self.unscored
        ]


@dataclass(frozen=True)
class Gap:
    """A part of the front that is not known, and what to evaluate there."""

    candidate: Candidate
    box: Box
    area: float  # of the box, as far as it is open
    new: float  # the share of the examples that the candidate has to decode

    def open(self, tolerance: float) -> bool:
        return self.area > tolerance * max(self.new, FREE) ** 2


def ask_refine(space: Space, outcomes: Sequence[Outcome]) -> Sequence[Candidate]:
    """Every line's start at first; then, region by region, a value in each of the widest gaps.

    A gap is open while its uncertain area exceeds the region's tolerance, as far as examples are new there. That is
    the same for all groups of a sweep, so that none is drawn more finely than another. Of a region's open ones those
    are filled at once that have at least half the area of its widest, unless they overlap a wider one: what is found
    there may close them. Regions without a trade-off parameter are asked for whole. Raises ValueError for an open range
    of another key, and for a value of the parameter that is no number.
    """
    found = {(o.candidate.group, _key(o.candidate.knobs)): o for o in outcomes}
    asked: dict[str, Candidate] = {}
    for region in space:
        for candidate in _next(region, found, _scale(region, outcomes)):
            asked.setdefault(repr(candidate), candidate)
    return list(asked.values())


Found = Mapping[tuple[str, str], Outcome]


def _next(region: Region, found: Found, scale: float) -> list[Candidate]:
    lines, single = _lines(region)
    by_line = _by_line(region, found)
    lines = [_told(line, by_line[_key(line.knobs)]) for line in lines]
    measured = [(line, _points(by_line[_key(line.knobs)])) for line in lines]
    # Every line takes part from the beginning, so that one which can't be evaluated is known before anything is.
    begun = [(line, line.start if line is lines[0] else line.start[1:2] or line.start) for line in lines]
    first = [*single, *(line.candidate(value) for line, values in begun for value in values)]
    if new := _new(first, found):
        return new
    others = [
        line.candidate(value)
        for line in lines[1:]
        for value in line.start
        if value != _costly_end(line, measured[0][1])
    ]
    if new := _new(others, found):
        return new
    gaps = [
        gap for gap in _gaps(measured, scale) if gap.open(region.tolerance) and _new([gap.candidate], found)
    ]
    gaps.sort(key=lambda gap: -gap.area)
    chosen: list[Gap] = []
    for gap in gaps:
        if gap.area >= gaps[0].area / 2 and not any(gap.box.overlaps(wider.box) for wider in chosen):
            chosen.append(gap)
    return [gap.candidate for gap in chosen]


def _new(candidates: Sequence[Candidate], found: Found) -> list[Candidate]:
    return [own for own in candidates if (own.group, _key(own.knobs)) not in found]


def _gaps(measured: Sequence[tuple[Line, list[Point]]], scale: float) -> Iterator[Gap]:
    # It imports numpy, for which the check of a command's words, which needs this module, need not wait.
    from pipeline.search.between import beyond, growth, prospects

    known = [point for _, points in measured for point in points]
    best = max((point.quality for point in known), default=0.0)
    front = undominated(known)

    def gap(line: Line, own: Sequence[Prospect]) -> Gap:
        """Of a line's values one that is worth its passes, if there is any; of those the one where most may be found,
        and of equal ones the first.
        """
        gaps = [Gap(line.candidate(o.value), o.box, o.box.uncertain_area(front, scale), o.new) for o in own]
        return max(gaps, key=lambda gap: (gap.open(line.region.tolerance), gap.area))

    for line, points in measured:
        for low, high in itertools.pairwise(points):
            if values := line.between(low.value, high.value):
                yield gap(line, prospects(low, high, values, best))
        first = measured[0][1]
        end = _costly_end(line, first)
        if end is not None and points and end not in {point.value for point in points}:
            last = min(points, key=lambda point: abs(point.value - end))
            yield gap(line, [beyond(last, end, growth(last, end, first))])


def _costly_end(line: Line, first: Sequence[Point]) -> float | None:
    """The end that took more passes on the region's first line; None where a line starts with no more than two values,
    or where it isn't known.
    """
    if len(line.start) < 3 or len(first) < 2:
        return None
    return line.start[-1] if first[-1].nfe >= first[0].nfe else line.start[0]


def _lines(region: Region) -> tuple[list[Line], list[Candidate]]:
    """A line for each combination of the other keys; and the combinations that have no trade-off parameter."""
    if region.along is None:
        return [], list(combinations(region))
    others = {key: dimension for key, dimension in region.grid.items() if key != region.along}
    values = _ends(region.along, region.grid[region.along])
    rest = Region(region.group, region.fixed, others, region.when)
    lines: dict[str, Line] = {}
    single: dict[str, Candidate] = {}
    for candidate in combinations(rest):
        if region.along in existing({**candidate.knobs, region.along: values[0]}, region.when):
            lines[repr(candidate)] = Line(region, candidate.knobs, region.along, values)
        else:
            single[repr(candidate)] = candidate
    return list(lines.values()), list(single.values())


def _ends(key: str, dimension: Dimension) -> tuple[float, ...]:
    if isinstance(dimension, Range):
        return replace(dimension, num=round(1 / FINEST) + 1 if dimension.whole else 5).values()
    for value in dimension:
        if isinstance(value, bool) or not isinstance(value, int | float):
            rule = (
                "is no number, and search=refine looks between numbers; write numbers, or choose search=grid"
            )
            raise ValueError(f"{key}={json.dumps(value)}: {rule}")
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


def _told(line: Line, outcomes: Mapping[float, Outcome]) -> Line:
    """The line, with its values that were evaluated without a scored example; unless all were."""
    unscored = frozenset(outcomes) - {point.value for point in _points(outcomes)}
    return replace(line, unscored=unscored) if len(unscored) < len(outcomes) else line


def _points(outcomes: Mapping[float, Outcome]) -> list[Point]:
    """A line's evaluated points by ascending value; those without a scored example are left out."""
    return [
        Point(value, outcome.nfe, outcome.quality, outcome.decodes)
        for value, outcome in sorted(outcomes.items())
        if outcome.nfe is not None and outcome.quality is not None
    ]


def _scale(region: Region, outcomes: Sequence[Outcome]) -> float:
    """How far NFE ranges among the regions that are compared with this one: of the same configs by name."""
    named = {key: value for key, value in region.fixed.items() if is_name(key, value) and key != "axon"}
    nfe = [o.nfe for o in outcomes if o.nfe is not None and named.items() <= o.candidate.knobs.items()]
    return max(nfe) - min(nfe) if nfe else 0.0


def _key(knobs: Mapping[str, Any]) -> str:
    return repr(sorted(knobs.items(), key=lambda item: item[0]))
