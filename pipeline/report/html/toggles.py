"""The page's toggles: a button for each value of each axis in which the settings differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from pipeline.report.facet import Facet
from pipeline.report.figures.palette import Style, styles

MARKS = {  # plotly's names, as paths around (0, 0)
    "circle": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "triangle-up": "M0-4.6L4.6 3.6H-4.6z",
    "triangle-down": "M0 4.6L4.6-3.6H-4.6z",
    "cross": "M-1.4-4.4H1.4V-1.4H4.4V1.4H1.4V4.4H-1.4V1.4H-4.4V-1.4H-1.4z",
    "diamond": "M0-5.2L5.2 0L0 5.2L-5.2 0z",
    "square": "M-3.8-3.8H3.8V3.8H-3.8z",
    "pentagon": "M0-4.8L4.6-1.4L2.8 4H-2.8L-4.6-1.4z",
    "x": "M-4-2.2L-2.2-4L0-1.8L2.2-4L4-2.2L1.8 0L4 2.2L2.2 4L0 1.8L-2.2 4L-4 2.2L-1.8 0z",
}
DASHES = {"solid": "", "dash": "7 3", "dot": "2 3", "dashdot": "7 3 2 3"}

HINT = "A button hides points of the figures and rows of the settings. Shift-click: that value alone."


def toggle_bar(axes: Mapping[str, Sequence[str]], facets: Sequence[Facet]) -> str:
    """`axes`: the values by the axis's name. Empty where nothing can be told apart."""
    known: dict[str, Style] = {}
    for facet in facets:
        known |= styles(facet.points)
    alike = all(
        styles(facet.points).get(name, style) == style for facet in facets for name, style in known.items()
    )
    sets = [
        _fieldset(name, values, known if name == "group" and alike else {}) for name, values in axes.items()
    ]
    if not sets:
        return ""
    return (
        f'<form class="toggles" aria-label="What is shown">{"".join(sets)}'
        '<button type="button" class="all" hidden>show all</button>'
        f'<span class="soft hint">{HINT}</span></form>'
    )


def swatch(style: Style) -> str:
    """A piece of the group's line with its marker."""
    dash, mark = DASHES[style.dash], MARKS[style.symbol.removesuffix("-open")]
    hollow = style.symbol.endswith("-open")
    paint = f'fill="none" stroke="{style.colour}" stroke-width="1.6"' if hollow else f'fill="{style.colour}"'
    return (
        '<svg class="swatch" viewBox="-15 -6 30 12" width="30" height="12" aria-hidden="true">'
        f'<path d="M-15 0H15" stroke="{style.colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
        f'<path d="{mark}" {paint}/></svg>'
    )


def _fieldset(name: str, values: Sequence[str], known: Mapping[str, Style]) -> str:
    buttons = "".join(
        f'<button type="button" aria-pressed="true" data-value="{escape(value)}">'
        f"{swatch(known[value]) if value in known else ''}{escape(value)}</button>"
        for value in values
    )
    return f'<fieldset data-axis="{escape(name)}"><legend>{escape(name)}</legend>{buttons}</fieldset>'
