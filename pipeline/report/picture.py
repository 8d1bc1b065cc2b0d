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

from pipeline.report.bands import Band
from pipeline.report.distinct import share_rows
from pipeline.report.facet import Facet
from pipeline.report.labels import knob_columns, value_text
from pipeline.report.palette import BAND, DASHES, Style, opacities, styles
from pipeline.report.placement import place_labels
from pipeline.report.views import View

MOST_PANELS = 4
PANEL_INCHES, DPI = (9.6, 6.0), 125  # 1200 x 750 pixels
LEFT, BOTTOM, WIDTH, HEIGHT = 0.075, 0.10, 0.905, 0.765  # of the axes, as fractions of the panel
TITLE_HEIGHT, SUBTITLE_HEIGHT = 0.945, 0.895
NAMED_PER_FRONT = 5
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

    def axes(self) -> Axes:
        (left, bottom), (right, top) = self.at(LEFT, BOTTOM), self.at(LEFT + WIDTH, BOTTOM + HEIGHT)
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
    for number, (title, facet, view) in enumerate(panels):
        row, column = divmod(number, columns)
        panel = Panel(figure, PANEL_INCHES[0] * column, PANEL_INCHES[1] * (rows - 1 - row))
        _draw_panel(panel, title, facet, view)
    image = BytesIO()
    figure.savefig(image, format="png", metadata={"Software": None})
    return image.getvalue()


def _draw_panel(panel: Panel, title: str, facet: Facet, view: View) -> None:
    axes, write = panel.axes(), panel.figure.text
    write(
        *panel.at(LEFT, TITLE_HEIGHT),
        _clip(title, 78),
        fontsize=15,
        fontweight="bold",
        color=INK,
        va="center",
    )
    write(
        *panel.at(LEFT, SUBTITLE_HEIGHT), _clip(_subtitle(facet), 125), fontsize=9.5, color=FAINT, va="center"
    )
    scored = share_rows(view.points[view.points["n"] > 0])
    _frame(axes, view)
    if scored.empty:
        nothing = axes.text(0.5, 0.5, "no scored example", color=FAINT, fontsize=14, ha="center")
        nothing.set_transform(axes.transAxes)
    names: list[tuple[float, float, str, str]] = []
    for group, style in styles(scored).items():
        members = scored[scored["group"] == group]
        if group in view.bands:
            _draw_band(axes, view.bands[group], style)
        names += _draw_group(axes, group, members, style, view)
    if len(scored):
        legend = axes.legend(loc="lower right", fontsize=9, frameon=True, edgecolor="#dddddd", labelcolor=INK)
        place_labels(axes, names, scored, view.cost.column, legend)


def _subtitle(facet: Facet) -> str:
    sizes = facet.points.loc[facet.points["n"] > 0, "n"]
    n = " to ".join(str(size) for size in sorted({sizes.min(), sizes.max()})) if len(sizes) else "0"
    task = facet.settings[0].task
    return (
        f"n = {n} {task.name} examples per setting ({task.split} split) · bars, bands: 95 % intervals · "
        "faint: unlikely to be on its group's front"
    )


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
    # A fifth below is left for the legend, in the lower right corner.
    axes.set_ylim(max(low - 0.2 * room, -0.04), high + 0.07 * room)


def _draw_band(axes: Axes, band: Band, style: Style) -> None:
    axes.fill_between(
        band.budget_G,
        band.lo_G,
        band.hi_G,
        step="post",
        color=style.colour,
        alpha=BAND,
        linewidth=0,
        zorder=0.5,
    )


def _draw_group(
    axes: Axes, group: str, members: pd.DataFrame, style: Style, view: View
) -> list[tuple[float, float, str, str]]:
    """Draws one group; returns the (cost, quality, text, colour) to be named."""
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
    knobs = [column.removeprefix("knob.") for column in knob_columns(members)]
    naming = f"\n  labels: {' / '.join(knobs)}" if knobs else ""
    area = "hypervolume {:.3f} [{:.3f}, {:.3f}]".format(*view.hypervolumes[group])
    axes.plot(
        [],
        [],
        linestyle=DASHES[style.dash],
        marker=style.marker,
        color=style.colour,
        markersize=7,
        label=f"{group}: {area}{naming}",
    )
    if not knobs:
        return []
    named = np.unique(np.linspace(0, len(front) - 1, NAMED_PER_FRONT).round().astype(np.intp))
    rows = front.iloc[named].to_dict("records")
    return [(row[cost], row["quality"], _name(row, knobs), style.colour) for row in rows]


def _scatter(axes: Axes, rows: pd.DataFrame, cost: str, style: Style, size: float, edge: float) -> None:
    axes.scatter(
        rows[cost],
        rows["quality"],
        s=size,
        marker=style.marker,
        facecolors=[to_rgba(style.colour, opacity) for opacity in opacities(rows["on_front"])],
        edgecolors="white",
        linewidths=edge,
        zorder=3,
    )


def _name(row: Mapping[Any, Any], knobs: list[str]) -> str:
    return " / ".join(value_text(row[f"knob.{knob}"]) for knob in knobs)


def _clip(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
