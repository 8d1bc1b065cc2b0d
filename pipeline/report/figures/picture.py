"""front.png: quality against cost, a panel per facet and cost, each front as a step line, with a few settings named."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from pipeline.report.data.distinct import share_rows
from pipeline.report.data.labels import NO_VALUE, knob_columns, knob_names, value_text
from pipeline.report.data.views import View
from pipeline.report.facet import Facet
from pipeline.report.figures.palette import DASHES, Style, band_opacity, opacities, styles
from pipeline.report.figures.placement import place_labels
from pipeline.report.statistics.bands import Band
from pipeline.report.statistics.stats import FEWEST
from pipeline.report.words.phrases import bracketed, number

MOST_PANELS = 4
PANEL_INCHES, DPI = (9.6, 6.0), 125  # 1200 x 750 pixels
LEFT, BOTTOM, WIDTH, HEIGHT = 0.075, 0.10, 0.905, 0.765  # of the axes, as fractions of the panel
TITLE_HEIGHT, SUBTITLE_HEIGHT = 0.945, 0.895
NAMED_PER_FRONT, NAMED_PER_PANEL = 5, 20  # at most: of more fronts fewer settings each, with one the best
COLUMNS, MOST_LISTED, LINE_HEIGHT = 2, 12, 0.037  # of the legend; a line as a fraction of the panel
NAME_LENGTHS = (30, 45, 60)  # of a group's name there: the first under which all differ
LETTERS = 54  # of a line of the legend, in its own size: both columns are then as wide as the panel
INK, FAINT = "#222222", "#6b6b6b"


class Panel(NamedTuple):
    """A rectangle of the figure, in inches from its lower left corner."""

    figure: Figure
    x: float
    y: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Fractions of the panel as fractions of the figure."""
        width, height = self.figure.get_size_inches()
        return (self.x + x * PANEL_INCHES[0]) / width, (self.y + y * PANEL_INCHES[1]) / height

    def axes(self, room: float) -> Axes:
        """`room`: what is left free below them for the legend, as a fraction of the panel."""
        (left, bottom), (right, top) = self.at(LEFT, BOTTOM + room), self.at(LEFT + WIDTH, BOTTOM + HEIGHT)
        return self.figure.add_axes((left, bottom, right - left, top - bottom))


def draw(titled: Sequence[tuple[str, Facet]]) -> bytes:
    """A PNG with a panel for each facet under its title, at most MOST_PANELS; or with a row of panels for each.

    The figure is not pyplot's, so no global state is touched and several threads may draw.
    """
    panels = [(title, facet, view) for title, facet in titled for view in facet.pictured]
    columns = max(min(len(panels), 2), *(len(facet.pictured) for _, facet in titled))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(PANEL_INCHES[0] * columns, PANEL_INCHES[1] * rows), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    for place, (title, facet, view) in enumerate(panels):
        row, column = divmod(place, columns)
        panel = Panel(figure, PANEL_INCHES[0] * column, PANEL_INCHES[1] * (rows - 1 - row))
        _draw_panel(panel, title, facet, view)
    image = BytesIO()
    figure.savefig(image, format="png", metadata={"Software": None})
    return image.getvalue()


def _draw_panel(panel: Panel, title: str, facet: Facet, view: View) -> None:
    scored = share_rows(view.points[view.points["n"] > 0])
    named = _named_by(facet, scored)
    groups = styles(scored)
    lines = -(-min(len(groups), MOST_LISTED + 1) // COLUMNS) + bool(named)
    axes, write = panel.axes(lines * LINE_HEIGHT), panel.figure.text
    heading, told = _clip(title, 130), _clip(_subtitle(facet), 180)
    # So many letters are as wide as the panel:
    size, small = 15 * min(1.0, 65 / len(heading)), 9.5 * min(1.0, 125 / len(told))
    write(*panel.at(LEFT, TITLE_HEIGHT), heading, fontsize=size, fontweight="bold", color=INK, va="center")
    write(*panel.at(LEFT, SUBTITLE_HEIGHT), told, fontsize=small, color=FAINT, va="center")
    _frame(axes, view)
    if scored.empty:
        nothing = axes.text(0.5, 0.5, "no scored example", color=FAINT, fontsize=14, ha="center")
        nothing.set_transform(axes.transAxes)
        return
    names: list[tuple[float, float, str, str]] = []
    each = max(1, min(NAMED_PER_FRONT, NAMED_PER_PANEL // len(groups)))
    for group, style in groups.items():
        members = scored[scored["group"] == group]
        if group in view.bands:
            _draw_band(axes, view.bands[group], style, band_opacity(len(view.bands)))
        names += _draw_group(axes, members, style, view, named, each)
    _legend(panel, axes, groups, view, named)
    place_labels(axes, names, scored, view.cost.column)


def _legend(
    panel: Panel, axes: Axes, groups: Mapping[str, Style], view: View, named: Sequence[Sequence[str]]
) -> None:
    """Below the axes, where it hides no point."""
    listed = list(groups.items())[:MOST_LISTED]
    handles = [
        Line2D([], [], linestyle=DASHES[own.dash], marker=own.marker, color=own.colour, markersize=7)
        for _, own in listed
    ]
    labels = [
        f"{name}: hypervolume {number(area.estimate, 3)}{bracketed(area.lo, area.hi, 3)}"
        for name, area in zip(
            _shortened([group for group, _ in listed]),
            (view.hypervolumes[group] for group, _ in listed),
            strict=True,
        )
    ]
    if more := len(groups) - len(listed):
        handles.append(Line2D([], [], linestyle="none"))
        labels.append(f"and {more} more groups")
    longest = max(map(len, labels))
    axes.add_artist(
        Legend(
            axes,
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=panel.at(LEFT - 0.01, 0.0),
            bbox_transform=panel.figure.transFigure,
            ncols=COLUMNS,
            fontsize=9 * min(1.0, LETTERS / longest),
            frameon=False,
            labelcolor=INK,
            handlelength=3.2,
            columnspacing=2.5,
            title=f"labels: {_clip(_named(named), 110)}" if named else None,
            title_fontproperties={"size": 9},
            alignment="left",
        )
    )


def _subtitle(facet: Facet) -> str:
    sizes = facet.points.loc[facet.points["n"] > 0, "n"]
    n = " to ".join(str(size) for size in sorted({sizes.min(), sizes.max()})) if len(sizes) else "0"
    task = facet.settings[0].task
    examples = "example" if n == "1" else "examples"
    return f"n = {n} {task.name} {examples} per setting ({task.split} split) · {_marks(facet, sizes)}"


def _marks(facet: Facet, sizes: "pd.Series[int]") -> str:
    if (sizes < FEWEST).any():
        return f"bars: 95 % intervals; bands take {FEWEST} examples · faint: behind its group's front"
    if facet.summary.lacking:
        return "bars, bands: 95 % intervals, none where examples agree · faint: unlikely on its front"
    return "bars, bands: 95 % intervals · faint: unlikely to be on its group's front"


def _frame(axes: Axes, view: View) -> None:
    axes.set_xlabel(f"{view.cost.axis} (lower is better)", color=INK, fontsize=10.5)
    axes.set_ylabel("Quality: mean score", color=INK, fontsize=10.5)
    axes.grid(color="#e9e9e9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#bbbbbb")
    axes.tick_params(colors=INK, labelsize=9.5, length=0)
    axes.set_xlim(0, view.widest)
    low, high = view.heights
    room = max(high - low, 0.1)
    axes.set_ylim(max(low - 0.07 * room, -0.04), high + 0.07 * room)


def _draw_band(axes: Axes, band: Band, style: Style, opacity: float) -> None:
    axes.fill_between(
        band.budget_G,
        band.lo_G,
        band.hi_G,
        step="post",
        color=style.colour,
        alpha=opacity,
        linewidth=0,
        zorder=0.5,
    )


def _draw_group(
    axes: Axes, members: pd.DataFrame, style: Style, view: View, named: Sequence[Sequence[str]], each: int
) -> list[tuple[float, float, str, str]]:
    """Draws one group; returns the (cost, quality, text, colour) to be named, `each` of them at most."""
    cost = view.cost.column
    behind = members[~members["group_front"]]
    _scatter(axes, behind, cost, style, size=22, edge=0.0)
    front = members[members["group_front"]].sort_values([cost, "setting_id"])
    front = front.drop_duplicates([cost, "quality"])
    if front.empty:
        return []
    spent, quality = (front[name].to_numpy(dtype=np.float64) for name in (cost, "quality"))
    edge = axes.get_xlim()[1]
    axes.plot(
        np.append(spent, edge),
        np.append(quality, quality[-1]),
        drawstyle="steps-post",
        color=style.colour,
        linestyle=DASHES[style.dash],
        linewidth=2,
        alpha=0.9,
    )
    across = [spent - front[f"{cost}_lo"].to_numpy(), front[f"{cost}_hi"].to_numpy() - spent]
    along = [quality - front["quality_lo"].to_numpy(), front["quality_hi"].to_numpy() - quality]
    axes.errorbar(
        spent, quality, xerr=across, yerr=along, fmt="none", ecolor=style.colour, elinewidth=1, alpha=0.45
    )
    _scatter(axes, front, cost, style, size=52, edge=0.9)
    first = 0 if each > 1 else len(front) - 1
    told = np.unique(np.linspace(first, len(front) - 1, each).round().astype(np.intp))
    rows = front.iloc[told].to_dict("records")
    texts = [_name(row, named) for row in rows]
    return [
        (row[cost], row["quality"], text, style.colour) for row, text in zip(rows, texts, strict=True) if text
    ]


def _scatter(axes: Axes, rows: pd.DataFrame, cost: str, style: Style, size: float, edge: float) -> None:
    axes.scatter(
        rows[cost],
        rows["quality"],
        s=size,
        marker=style.marker,
        facecolors=[to_rgba(style.colour, opacity) for opacity in opacities(rows)],
        edgecolors="white",
        linewidths=edge,
        zorder=3,
    )


def _named_by(facet: Facet, points: pd.DataFrame) -> list[list[str]]:
    """The knobs that a point is named by, in order. Trade-off parameters, of which a setting has one, are one part."""
    names = knob_names(facet.settings)
    parameters = {names.get(own.trade_off or "") for own in facet.settings}
    knobs = [column.removeprefix("knob.") for column in knob_columns(points)]
    parts = {knob: [knob] for knob in knobs if knob not in parameters}
    along = [knob for knob in knobs if knob in parameters]
    return [parts.get(knob, along) for knob in knobs if knob not in along[1:]]


def _named(parts: Sequence[Sequence[str]]) -> str:
    return " / ".join(" or ".join(part) for part in parts)


def _name(row: Mapping[Any, Any], parts: Sequence[Sequence[str]]) -> str:
    """The values that a setting has, those of the last knobs that it lacks left out."""
    texts = [
        next((text for knob in part if (text := value_text(row[f"knob.{knob}"])) != NO_VALUE), NO_VALUE)
        for part in parts
    ]
    while texts and texts[-1] == NO_VALUE:
        texts.pop()
    return _literal(" / ".join(texts))


def _clip(text: str, length: int) -> str:
    return _literal(text if len(text) <= length else f"{text[: length - 1]}…")


def _shortened(names: Sequence[str]) -> list[str]:
    """Without their middle: names often differ in how they end. As short as lets them differ still."""
    for length in NAME_LENGTHS:
        end = length // 2
        short = [
            name if len(name) <= length else f"{name[: length - end - 1]}…{name[-end:]}" for name in names
        ]
        if len(set(short)) == len(names):
            break
    return [_literal(name) for name in short]


def _literal(text: str) -> str:
    """Between two of them matplotlib reads TeX, and raises where it is none."""
    return text.replace("$", r"\$")
