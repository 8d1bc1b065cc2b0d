"""A forest plot of what AXON does to each decoder's front: difference in mean quality, and NFE saved at equal quality.

The figures are those of the verdicts (`comparison`). In the page a table whose cells hold small drawings, so that it
folds on a phone; as a file one drawing. Neither needs a script.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from pipeline.report.comparisons.comparison import Comparison
from pipeline.report.facet import Facet
from pipeline.report.figures.scale import Scale, scale_of
from pipeline.report.html.web import read
from pipeline.report.statistics.stats import Interval
from pipeline.report.words.phrases import counted, listed, reduction, signed, variant_text

MOST = 8  # variants of a comparison that are drawn, the leading one and those of the largest gains
HEIGHT = 22  # of a row, in pixels
QUALITY, NFE = "difference in mean quality", "NFE at equal quality"
DIRECTIONS = {QUALITY: ("lower", "higher with AXON"), NFE: ("fewer with AXON", "more")}
TITLE = "What AXON does to each front"
TOLD = (
    "A row is a variant of AXON: how much higher its front lies than the base decoder's on average, and by how much "
    "fewer or more model calls it takes to the same quality."
)
CAPTION = (
    "Dots: estimates; bars: 95 % intervals, which hold simultaneously over the variants and comparisons of this "
    "report. A bar that doesn't touch the line of no difference is blue where AXON is better, orange where it is "
    "worse. Bold: the variant of the verdict. An arrow: the interval goes on. Quality is that of lines between "
    "neighbouring settings (the verdict says what is left where settings may be mixed), NFE that of mixes."
)
LABEL, PLOT, TEXT, GAP, ROW, HEAD = 400, 230, 190, 16, 26, 44  # of the file's columns and rows, in pixels


@dataclass(frozen=True)
class Row:
    """`saved`: a change in NFE as a fraction, below 0 where AXON saves. None: not measured."""

    label: str
    leading: bool
    quality: Interval | None = None
    saved: Interval | None = None
    texts: tuple[str, str] = ("", "")  # of quality and NFE


def rows_of(facets: Sequence[Facet]) -> list[Row]:
    """One per comparison and drawn variant, or pair; one without figures where a comparison has none."""
    return [
        row
        for facet in facets
        for found in facet.comparisons
        for row in _rows(facet, found, f"{facet.name} · " if len(facets) > 1 else "")
    ]


def _rows(facet: Facet, found: Comparison, facet_name: str) -> Iterator[Row]:
    name = f"{facet_name}{found.cohort.name}"
    if found.effects:
        leading = found.leading
        others = sorted(
            (own for own in found.effects if own is not leading), key=lambda own: -own.difference.estimate
        )
        for effect in (leading, *others[: MOST - 1]):
            saving = effect.saving
            known = saving.quality > 0
            change = Interval(-saving.fraction.estimate, -saving.fraction.hi, -saving.fraction.lo)
            yield Row(
                f"{name}: {variant_text(facet.points, effect.variant, found.cohort.base)}",
                effect is leading,
                effect.difference,
                change if known else None,
                (signed(effect.difference, 3), reduction(saving.fraction) if known else "no common quality"),
            )
    for pair in found.pairs[:MOST]:
        yield Row(
            f"{name}: {facet.points['label'].iloc[pair.axon]}",
            True,
            pair.quality.difference,
            None,
            (signed(pair.quality.difference, 3), f"{signed(pair.nfe, 1)} at this setting"),
        )
    if not found.effects and not found.pairs:
        yield Row(name, True, texts=(found.outcome if found.enough else "too few examples", ""))


def _undrawn(facets: Sequence[Facet]) -> str:
    """How many there is no row of, in a sentence; empty where there are none."""
    found = [found for facet in facets for found in facet.comparisons]
    variants = sum(max(0, len(own.effects) - MOST) for own in found)
    pairs = sum(max(0, len(own.pairs) - MOST) for own in found)
    told = listed(
        [counted(*own) for own in ((variants, "further variant"), (pairs, "further pair")) if own[0]]
    )
    return f"Not drawn: {told}." if told else ""


def _barless(rows: Sequence[Row]) -> str:
    values = [own for row in rows for own in (row.quality, row.saved) if own]
    return (
        "Without a bar: no interval; the verdict says why."
        if any(math.isnan(own.lo) for own in values)
        else ""
    )


def section(facets: Sequence[Facet]) -> str:
    """All comparisons of the report; empty where there is none. To stand once, before the facets."""
    rows = rows_of(facets)
    if not any(row.quality for row in rows):
        return ""
    quality, saved = _scales(rows)
    body = "".join(
        f'<tr class="{_kind(row)}"><th scope="row" class="text">{escape(row.label)}</th>'
        f'<td class="drawn">{_cell(row.quality, quality, good=1)}</td><td class="text">{escape(row.texts[0])}</td>'
        f'<td class="drawn">{_cell(row.saved, saved, good=-1)}</td><td class="text">{escape(row.texts[1])}</td></tr>'
        for row in rows
    )
    heads = "".join(
        f'<th scope="col" colspan="2" class="text">{what}<span>← {less} · {more} →</span></th>'
        for what, (less, more) in DIRECTIONS.items()
    )
    axes = "".join(
        f'<td class="drawn"><svg width="100%" height="18" aria-hidden="true">{own.axis()}</svg></td><td></td>'
        for own in (quality, saved)
    )
    return (
        f'<section class="forest" aria-label="{TITLE}"><style>{read("forest.css")}</style><h3>{TITLE}</h3>'
        f'<p class="soft">{TOLD}</p>'
        f"<table><thead><tr><th></th>{heads}</tr></thead><tbody>{body}"
        f'<tr class="axis" aria-hidden="true"><td></td>{axes}</tr></tbody></table>'
        f'<p class="soft">{" ".join(filter(None, [CAPTION, _barless(rows), _undrawn(facets)]))}</p></section>'
    )


def draw(facets: Sequence[Facet]) -> str | None:
    """The same as an SVG file; None where there is nothing to draw."""
    rows = rows_of(facets)
    if not any(row.quality for row in rows):
        return None
    scales = _scales(rows)
    starts = (LABEL + GAP, LABEL + GAP + PLOT + GAP + TEXT + GAP)
    undrawn = _undrawn(facets)
    width, height = starts[1] + PLOT + GAP + TEXT, HEAD + ROW * (len(rows) + 1 + bool(undrawn))
    parts = []
    for start, (what, (less, more)) in zip(starts, DIRECTIONS.items(), strict=True):
        parts.append(f'<text x="{start}" y="16" class="strong">{what}</text>')
        parts.append(f'<text x="{start}" y="33" class="faint">← {less} · {more} →</text>')
    for number, row in enumerate(rows):
        y = HEAD + ROW * number
        parts.append(
            f'<g class="{_kind(row)}"><text x="{LABEL}" y="{y + 16}" text-anchor="end">'
            f"{escape(_clip(row.label))}</text>"
        )
        for start, own, value, text, good in zip(
            starts, scales, (row.quality, row.saved), row.texts, (1, -1), strict=True
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
        f'height="{height}" role="img"><title>{TITLE}</title>'
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
    """`good`: the sign of a difference in AXON's favour."""
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
