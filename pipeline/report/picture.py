"""front.png: quality against NFE, every arm's front as steps, a few settings named on it (1200 x 750 pixels)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipeline.report.labels import knob_columns, value_text
from pipeline.report.palette import DASHES, Look, looks
from pipeline.report.placement import place_labels

SIZE_INCHES, DPI = (9.6, 6.0), 125
NAMED_PER_FRONT = 5
INK, FAINT = "#222222", "#6b6b6b"


def draw(
    path: Path, title: str, subtitle: str, points: pd.DataFrame, hypervolumes: Mapping[str, float]
) -> Path:
    """Write the picture; a figure of its own (no pyplot), so nothing global is touched and threads may draw."""
    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.075, 0.10, 0.905, 0.765))
    figure.text(0.075, 0.945, _clip(title, 78), fontsize=15, fontweight="bold", color=INK, va="center")
    figure.text(0.075, 0.895, _clip(subtitle, 125), fontsize=9.5, color=FAINT, va="center")
    scored = points[points["n"] > 0]
    _frame(axes, scored)
    if scored.empty:
        nothing = axes.text(0.5, 0.5, "no scored example", color=FAINT, fontsize=14, ha="center")
        nothing.set_transform(axes.transAxes)
    names: list[tuple[float, float, str, str]] = []
    for arm, look in looks(scored).items():
        members = scored[scored["arm"] == arm]
        names += _draw_arm(axes, arm, members, look, hypervolumes.get(arm, 0.0))
    if len(scored):
        legend = axes.legend(loc="lower right", fontsize=9, frameon=True, edgecolor="#dddddd", labelcolor=INK)
        place_labels(axes, names, scored, legend)
    figure.savefig(path, metadata={"Software": None})
    return path


def _frame(axes: Axes, points: pd.DataFrame) -> None:
    axes.set_xlabel("NFE: model passes a sample (fewer is better)", color=INK, fontsize=10.5)
    axes.set_ylabel("Quality: mean score", color=INK, fontsize=10.5)
    axes.grid(color="#e9e9e9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#bbbbbb")
    axes.tick_params(colors=INK, labelsize=9.5, length=0)
    if points.empty:
        return
    widest = float(points["nfe_hi"].max())
    axes.set_xlim(0, widest * 1.06)
    shown = points[points["arm_front"]] if points["arm_front"].any() else points
    low = min(float(points["quality"].min()), float(shown["quality_lo"].min()))
    high = float(shown["quality_hi"].max())
    room = max(high - low, 0.1)
    # A fifth below is kept for the legend, which sits under the fast end's slow neighbours.
    axes.set_ylim(max(low - 0.2 * room, -0.04), high + 0.07 * room)


def _draw_arm(
    axes: Axes, arm: str, members: pd.DataFrame, look: Look, hypervolume: float
) -> list[tuple[float, float, str, str]]:
    """Draw one arm; return its (NFE, quality, text, colour) to be named."""
    behind = members[~members["arm_front"]]
    axes.scatter(
        behind["nfe"], behind["quality"], s=22, marker=look.marker, c=look.colour, alpha=0.22, linewidths=0
    )
    front = (
        members[members["arm_front"]].sort_values(["nfe", "setting_id"]).drop_duplicates(["nfe", "quality"])
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
    knobs = [column.removeprefix("knob.") for column in knob_columns(members)]
    naming = f"\n  labels: {' / '.join(knobs)}" if knobs else ""
    axes.plot(
        nfe,
        quality,
        linestyle="none",
        marker=look.marker,
        color=look.colour,
        markersize=7,
        markeredgecolor="white",
        markeredgewidth=0.9,
        label=f"{arm}: hypervolume {hypervolume:.3f}{naming}",
    )
    if not knobs:
        return []
    named = np.unique(np.linspace(0, len(front) - 1, NAMED_PER_FRONT).round().astype(np.intp))
    rows = front.iloc[named].to_dict("records")
    return [(row["nfe"], row["quality"], _name(row, knobs), look.colour) for row in rows]


def _name(row: Mapping[Any, Any], knobs: list[str]) -> str:
    return " / ".join(value_text(row[f"knob.{knob}"]) for knob in knobs)


def _clip(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
