"""front.png: quality against NFE, every group's front as steps, a few settings named on it (1200 x 750 pixels)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from pipeline.report.bands import Band
from pipeline.report.distinct import share_rows
from pipeline.report.labels import knob_columns, value_text
from pipeline.report.palette import BAND, DASHES, Look, looks, opacities
from pipeline.report.placement import place_labels
from pipeline.report.stats import Interval
from pipeline.report.views import View

SIZE_INCHES, DPI = (9.6, 6.0), 125
NAMED_PER_FRONT = 5
INK, FAINT = "#222222", "#6b6b6b"


def draw(path: Path, title: str, subtitle: str, view: View, hypervolumes: Mapping[str, Interval]) -> Path:
    """Write the picture; a figure of its own (no pyplot), so nothing global is touched and threads may draw."""
    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.075, 0.10, 0.905, 0.765))
    figure.text(0.075, 0.945, _clip(title, 78), fontsize=15, fontweight="bold", color=INK, va="center")
    figure.text(0.075, 0.895, _clip(subtitle, 125), fontsize=9.5, color=FAINT, va="center")
    scored = share_rows(view.points[view.points["n"] > 0])
    _frame(axes, view)
    if scored.empty:
        nothing = axes.text(0.5, 0.5, "no scored example", color=FAINT, fontsize=14, ha="center")
        nothing.set_transform(axes.transAxes)
    names: list[tuple[float, float, str, str]] = []
    for group, look in looks(scored).items():
        members = scored[scored["group"] == group]
        if group in view.bands:
            _draw_band(axes, view.bands[group], look)
        names += _draw_group(axes, group, members, look, hypervolumes[group])
    if len(scored):
        legend = axes.legend(loc="lower right", fontsize=9, frameon=True, edgecolor="#dddddd", labelcolor=INK)
        place_labels(axes, names, scored, legend)
    figure.savefig(path, metadata={"Software": None})
    return path


def _frame(axes: Axes, view: View) -> None:
    axes.set_xlabel(f"{view.cost.axis} (fewer is better)", color=INK, fontsize=10.5)
    axes.set_ylabel("Quality: mean score", color=INK, fontsize=10.5)
    axes.grid(color="#e9e9e9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#bbbbbb")
    axes.tick_params(colors=INK, labelsize=9.5, length=0)
    axes.set_xlim(0, view.widest)
    low, high = view.heights
    room = max(high - low, 0.1)
    # A fifth below is kept for the legend, which sits under the fast end's slow neighbours.
    axes.set_ylim(max(low - 0.2 * room, -0.04), high + 0.07 * room)


def _draw_band(axes: Axes, band: Band, look: Look) -> None:
    axes.fill_between(
        band.budget_G,
        band.lo_G,
        band.hi_G,
        step="post",
        color=look.colour,
        alpha=BAND,
        linewidth=0,
        zorder=0.5,
    )


def _draw_group(
    axes: Axes, group: str, members: pd.DataFrame, look: Look, hypervolume: Interval
) -> list[tuple[float, float, str, str]]:
    """Draw one group; return its (NFE, quality, text, colour) to be named."""
    behind = members[~members["group_front"]]
    _scatter(axes, behind, look, size=22, edge=0.0)
    front = (
        members[members["group_front"]].sort_values(["nfe", "setting_id"]).drop_duplicates(["nfe", "quality"])
    )
    if front.empty:
        return []
    nfe, quality = front["nfe"].to_numpy(dtype=np.float64), front["quality"].to_numpy(dtype=np.float64)
    edge = axes.get_xlim()[1]
    axes.plot(
        np.append(nfe, edge),
        np.append(quality, quality[-1]),
        drawstyle="steps-post",
        color=look.colour,
        linestyle=DASHES[look.dash],
        linewidth=2,
        alpha=0.9,
    )
    across = [nfe - front["nfe_lo"].to_numpy(), front["nfe_hi"].to_numpy() - nfe]
    along = [quality - front["quality_lo"].to_numpy(), front["quality_hi"].to_numpy() - quality]
    axes.errorbar(
        nfe, quality, xerr=across, yerr=along, fmt="none", ecolor=look.colour, elinewidth=1, alpha=0.45
    )
    _scatter(axes, front, look, size=52, edge=0.9)
    knobs = [column.removeprefix("knob.") for column in knob_columns(members)]
    naming = f"\n  labels: {' / '.join(knobs)}" if knobs else ""
    area = "hypervolume {:.3f} [{:.3f}, {:.3f}]".format(*hypervolume)
    axes.plot(
        [],
        [],
        linestyle=DASHES[look.dash],
        marker=look.marker,
        color=look.colour,
        markersize=7,
        label=f"{group}: {area}{naming}",
    )
    if not knobs:
        return []
    named = np.unique(np.linspace(0, len(front) - 1, NAMED_PER_FRONT).round().astype(np.intp))
    rows = front.iloc[named].to_dict("records")
    return [(row["nfe"], row["quality"], _name(row, knobs), look.colour) for row in rows]


def _scatter(axes: Axes, rows: pd.DataFrame, look: Look, size: float, edge: float) -> None:
    axes.scatter(
        rows["nfe"],
        rows["quality"],
        s=size,
        marker=look.marker,
        facecolors=[to_rgba(look.colour, opacity) for opacity in opacities(rows["on_front"])],
        edgecolors="white",
        linewidths=edge,
        zorder=3,
    )


def _name(row: Mapping[Any, Any], knobs: list[str]) -> str:
    return " / ".join(value_text(row[f"knob.{knob}"]) for knob in knobs)


def _clip(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
