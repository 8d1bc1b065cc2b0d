"""A forest plot: differences in mean quality, and in NFE at equal quality, a row each with its interval.

The figures are those of the verdicts. In the page a table whose cells hold small drawings, so that it folds on a phone;
as a file one drawing. Neither needs a script.
"""

import math
from collections.abc import Sequence
from html import escape

from pipeline.report.facet import Facet
from pipeline.report.figures.scale import Scale, scale_of
from pipeline.report.html.forest_rows import NFE, QUALITY, Forest, Row, forests
from pipeline.report.html.web import read
from pipeline.report.statistics.stats import Interval

HEIGHT = 22  # of a row, in pixels
LABEL, PLOT, TEXT, GAP, ROW, HEAD = 400, 230, 190, 16, 26, 44  # of the file's columns and rows, in pixels


def sections(facets: Sequence[Facet]) -> str:
    """All comparisons of the report; empty where there is none. To stand once, before the facets."""
    return "".join(map(_section, forests(facets)))


def _section(forest: Forest) -> str:
    rows, title = forest.rows, forest.title
    quality, saved = _scales(rows)
    body = "".join(
        f'<tr class="{_kind(row)}"><th scope="row" class="text">{escape(row.label)}</th>'
        f'<td class="drawn">{_cell(row.quality, quality, row.good[0])}</td><td class="text">{escape(row.texts[0])}</td>'
        f'<td class="drawn">{_cell(row.saved, saved, row.good[1])}</td><td class="text">{escape(row.texts[1])}</td>'
        "</tr>"
        for row in rows
    )
    heads = "".join(
        f'<th scope="col" colspan="2" class="text">{what}<span>← {less} · {more} →</span></th>'
        for what, (less, more) in zip((QUALITY, NFE), forest.directions, strict=True)
    )
    axes = "".join(
        f'<td class="drawn"><svg width="100%" height="18" aria-hidden="true">{own.axis()}</svg></td><td></td>'
        for own in (quality, saved)
    )
    return (
        f'<section class="forest" aria-label="{title}"><style>{read("forest.css")}</style><h3>{title}</h3>'
        f'<p class="soft">{forest.told}</p>'
        f"<table><thead><tr><th></th>{heads}</tr></thead><tbody>{body}"
        f'<tr class="axis" aria-hidden="true"><td></td>{axes}</tr></tbody></table>'
        f'<p class="soft">{" ".join(filter(None, [forest.caption, forest.barless, forest.undrawn]))}</p></section>'
    )


def draw(forest: Forest) -> str:
    """The same as an SVG file."""
    rows, undrawn = forest.rows, forest.undrawn
    scales = _scales(rows)
    starts = (LABEL + GAP, LABEL + GAP + PLOT + GAP + TEXT + GAP)
    width, height = starts[1] + PLOT + GAP + TEXT, HEAD + ROW * (len(rows) + 1 + bool(undrawn))
    parts = []
    columns = zip((QUALITY, NFE), forest.directions, strict=True)
    for start, (what, (less, more)) in zip(starts, columns, strict=True):
        parts.append(f'<text x="{start}" y="16" class="strong">{what}</text>')
        parts.append(f'<text x="{start}" y="33" class="faint">← {less} · {more} →</text>')
    for number, row in enumerate(rows):
        y = HEAD + ROW * number
        parts.append(
            f'<g class="{_kind(row)}"><text x="{LABEL}" y="{y + 16}" text-anchor="end">'
            f"{escape(_clip(row.label))}</text>"
        )
        for start, own, value, text, good in zip(
            starts, scales, (row.quality, row.saved), row.texts, row.good, strict=True
        ):
            parts.append(_nested(start, y, _marks(value, own, good)))
            parts.append(f'<text x="{start + PLOT + GAP}" y="{y + 16}">{escape(text)}</text>')
        parts.append("</g>")
    parts += [
        _nested(start, HEAD + ROW * len(rows), own.axis()) for start, own in zip(starts, scales, strict=True)
    ]
    if undrawn:
        parts.append(f'<text x="{GAP}" y="{height - 10}" class="faint">{undrawn}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="forest" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img"><title>{forest.title}</title>'
        f'<style>{read("forest.css")}</style><rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def _nested(x: float, y: float, marks: str) -> str:
    return f'<svg x="{x}" y="{y}" width="{PLOT}" height="{HEIGHT}">{marks}</svg>'


def _scales(rows: Sequence[Row]) -> tuple[Scale, Scale]:
    return (
        scale_of([row.quality for row in rows if row.quality]),
        scale_of([row.saved for row in rows if row.saved], percent=True),
    )


def _cell(value: Interval | None, own: Scale, good: int) -> str:
    return (
        f'<svg width="100%" height="{HEIGHT}" aria-hidden="true">{_marks(value, own, good)}</svg>'
        if value
        else ""
    )


def _marks(value: Interval | None, own: Scale, good: int) -> str:
    """`good`: the sign of a difference that is better; 0 where none counts."""
    zero = f'<line class="zero" x1="{own.place(0)}" x2="{own.place(0)}" y1="0" y2="{HEIGHT}"/>'
    if value is None:
        return zero
    middle = HEIGHT / 2
    kind = "better" if _beyond_zero(value, good) else "worse" if _beyond_zero(value, -good) else "open"
    dot = f'<circle cx="{own.place(value.estimate)}" cy="{middle}" r="4.5"/>'
    if math.isnan(value.lo):
        return f'{zero}<g class="open">{dot if math.isfinite(value.estimate) else ""}</g>'
    bar = f'<line x1="{own.place(value.lo)}" x2="{own.place(value.hi)}" y1="{middle}" y2="{middle}" class="bar"/>'
    ends = "".join(
        f'<text x="{own.place(end)}" y="{middle + 5}" class="arrow" text-anchor="{anchor}">{arrow}</text>'
        for end, anchor, arrow in ((value.lo, "start", "◂"), (value.hi, "end", "▸"))
        if own.beyond(end)
    )
    return f'{zero}<g class="{kind}">{bar}{ends}{dot if math.isfinite(value.estimate) else ""}</g>'


def _beyond_zero(value: Interval, sign: int) -> bool:
    """Whether all of the interval has that sign."""
    return value.lo * sign > 0 and value.hi * sign > 0


def _kind(row: Row) -> str:
    return "leading" if row.leading else "other"


def _clip(text: str) -> str:
    return text if len(text) <= 52 else f"{text[:51]}…"
