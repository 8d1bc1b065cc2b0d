"""Shares that differ, by kind of reveal and bin, as the page shows them: a picture, and the same figures as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import NamedTuple

from pipeline.report.data.labels import NO_VALUE
from pipeline.report.data.reveals import KINDS
from pipeline.report.statistics.stats import Interval
from pipeline.report.words.percent import percent

WIDTH, HEIGHT = 460, 230
LEFT, RIGHT, TOP, BOTTOM = 64, 18, 10, 40
RADIUS = 4.5
TOPS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)  # of the shares' axis, each with round quarters
FEWEST = 20  # tokens of a mark: what is of fewer is in the table alone
DIFFERS = "differ from the reference"
TICK = 10  # percent: edges between two ticks are in the table alone


class Look(NamedTuple):
    colour: str
    dash: str
    shift: int  # of its marks, so that bars don't hide each other


LOOKS = (Look("#D55E00", "", -7), Look("#0072B2", "6 3", 0), Look("#009E73", "2 3", 7))


@dataclass(frozen=True)
class Mark:
    """Of one kind in one bin. `at`: where it is drawn, 0 the first bin's start and 1 the last one's end."""

    at: float
    share: Interval
    tokens: int
    score: float | None = None  # mean score of the answers; None: not told


@dataclass(frozen=True)
class Binned:
    """`edges`: of the bins, in percent. `expected`: the shares that are right at the first and the last edge."""

    axis: str
    edges: tuple[int, ...]
    marks_C: tuple[tuple[Mark, ...], ...]
    expected: tuple[float, float] | None = None


def picture(binned: Binned) -> str:
    """An SVG without a style sheet, in colours for light and dark paper; empty where too little is known."""
    drawn = [mark for own in binned.marks_C for mark in own if mark.tokens >= FEWEST]
    known = [end for mark in drawn for end in mark.share if not math.isnan(end)]
    if not known:
        return ""
    highest = next(own for own in TOPS if own >= min(max(known), TOPS[-1]))
    label = f"Share of tokens that differ from the reference, by {binned.axis}"
    return (
        f'<svg class="reliability" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" style="max-width:100%;height:auto" '
        f'role="img" aria-label="{escape(label)}" font-size="12" fill="currentColor">'
        f"{_axes(binned, highest)}{_expected(binned, highest)}{_lines(binned, highest)}</svg>"
    )


def figures(binned: Binned) -> str:
    """The table beside the picture, a row per bin that has tokens."""
    head = "".join(
        f'<th><span class="dot" style="background:{look.colour}"></span>{escape(kind)}</th>'
        for kind, look in zip(KINDS, LOOKS, strict=True)
    )
    body = "".join(
        f'<tr><td class="text">{lo}&#8211;{hi}&#8239;%</td>'
        + "".join(
            f'<td data-label="{escape(kind)}">{_cell(mark)}</td>'
            for kind, mark in zip(KINDS, marks, strict=True)
        )
        + "</tr>"
        for (lo, hi), *marks in zip(pairwise(binned.edges), *binned.marks_C, strict=True)
        if any(mark.tokens for mark in marks)
    )
    return (
        f'<div class="scroll"><table class="evidence plain"><thead><tr><th class="text">{escape(binned.axis)}</th>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def share_text(share: Interval) -> str:
    """`25.7 % [14.1 %, 37.6 %]`; a dash where it is not known, and no interval where none is."""
    if math.isnan(share.estimate):
        return NO_VALUE
    if math.isnan(share.lo):
        return percent(share.estimate, 1)
    return f"{percent(share.estimate, 1)} [{percent(share.lo, 1)}, {percent(share.hi, 1)}]"


def _x(at: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * at


def _y(share: float, highest: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share / highest)


def _axes(binned: Binned, highest: float) -> str:
    parts = []
    for tick in range(5):
        value = highest * tick / 4
        y = _y(value, highest)
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity=".15"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value * 100:.3g}&#8239;%</text>'
        )
    lo, hi = binned.edges[0], binned.edges[-1]
    for edge in (edge for edge in binned.edges if edge % TICK == 0):
        x = _x((edge - lo) / (hi - lo))
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 22}" text-anchor="middle">{edge}&#8239;%</text>')
    parts.append(
        f'<text x="{_x(0.5):.1f}" y="{HEIGHT - 5}" text-anchor="middle">{escape(binned.axis)}</text>'
    )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text transform="translate(12 {middle:.1f}) rotate(-90)" text-anchor="middle">{DIFFERS}</text>'
    )
    return "".join(parts)


def _expected(binned: Binned, highest: float) -> str:
    if binned.expected is None:
        return ""
    first, last = binned.expected
    start = 0.0 if first <= highest else (first - highest) / (first - last)
    return (
        f'<path class="expected" d="M{_x(start):.1f} {_y(min(first, highest), highest):.1f}'
        f'L{_x(1):.1f} {_y(last, highest):.1f}" stroke="currentColor" stroke-opacity=".8" '
        f'stroke-width="1.5" stroke-dasharray="1.5 3">'
        f"<title>as often as the confidence says</title></path>"
    )


def _lines(binned: Binned, highest: float) -> str:
    return "".join(
        _line(kind, look, marks, highest)
        for kind, look, marks in zip(KINDS, LOOKS, binned.marks_C, strict=True)
    )


def _line(kind: str, look: Look, marks: Sequence[Mark], highest: float) -> str:
    places = [
        (_x(mark.at) + look.shift, *(_y(own, highest) for own in mark.share))
        for mark in marks
        if mark.tokens >= FEWEST and not math.isnan(mark.share.estimate)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in places)
    bars = "".join(f"M{x:.1f} {lo:.1f}V{hi:.1f}" for x, _, lo, hi in places if not math.isnan(lo))
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"/>' for x, y, *_ in places)
    return (
        f'<g fill="{look.colour}" stroke="{look.colour}"><title>{escape(kind)}</title>'
        f'<polyline points="{line}" fill="none" stroke-width="2" stroke-dasharray="{look.dash}"/>'
        f'<path d="{bars}"/>{dots}</g>'
    )


def _cell(mark: Mark) -> str:
    if not mark.tokens:
        return NO_VALUE
    score = "" if mark.score is None else f"; score {mark.score:.3f}"
    return f'<span>{share_text(mark.share)}<br><span class="interval">of {mark.tokens:,}{score}</span></span>'
