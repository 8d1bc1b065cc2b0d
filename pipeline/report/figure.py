"""The page's interactive figure, as the JSON that plotly.js draws (plotly's Python objects would add nothing)."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report.bands import Band
from pipeline.report.distinct import share_rows
from pipeline.report.palette import BAND, Style, opacities, styles
from pipeline.report.points import sort_along_front
from pipeline.report.views import View

HOVER = "%{hovertext}<extra></extra>"
KNOWN_COSTS = (
    ("computed positions", "computed_positions"),
    ("model FLOPs", "flops"),
    ("whole passes", "full_passes"),
    ("store passes", "store_passes"),
)
BUTTONS = ["toImage", "zoom2d", "pan2d", "resetScale2d"]
CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [BUTTONS]}


def figure_json(views: Sequence[View]) -> str:
    """Each view's traces and layout, and the config; safe inside a script element, whatever the labels contain.

    A point's customdata is its row in the points.
    """
    drawn = [{"name": view.cost.name, "data": _traces(view), "layout": _layout(view)} for view in views]
    text = json.dumps({"views": drawn, "config": CONFIG}, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _traces(view: View) -> list[dict[str, Any]]:
    scored = share_rows(view.points[view.points["n"] > 0])
    traces: list[dict[str, Any]] = []
    for group, style in styles(scored).items():
        if group in view.bands:
            traces += _band(group, view.bands[group], style)
        traces += _group(group, scored[scored["group"] == group], style, view)
    return traces


def _layout(view: View) -> dict[str, Any]:
    low, high = view.heights
    room = 0.06 * max(high - low, 0.1)
    return {
        "font": {"family": 'system-ui, "Segoe UI", "DejaVu Sans", sans-serif', "size": 13},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 62, "r": 16, "t": 12, "b": 52},
        "xaxis": {"title": {"text": view.cost.axis}, "range": [0, view.widest], "exponentformat": "SI"},
        "yaxis": {
            "title": {"text": "Quality: mean score"},
            "range": [low - room, high + room],
            "tickformat": ".2f",
        },
        "legend": {"x": 1, "xanchor": "right", "y": 0, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"},
        "hovermode": "closest",
    }


def _band(group: str, band: Band, style: Style) -> list[dict[str, Any]]:
    """Its lower and upper edge, filled in between."""
    edge = {
        **{
            "type": "scatter",
            "mode": "lines",
            "name": escape(group),
            "legendgroup": group,
            "showlegend": False,
        },
        **{"hoverinfo": "skip", "line": {"shape": "hv", "width": 0, "color": style.colour}},
    }
    budgets = band.budget_G.tolist()
    lower = {**edge, "x": budgets, "y": band.lo_G.tolist()}
    red, green, blue = (int(style.colour[place : place + 2], 16) for place in (1, 3, 5))
    filled = {"fill": "tonexty", "fillcolor": f"rgba({red},{green},{blue},{BAND})"}
    return [lower, {**edge, **filled, "x": budgets, "y": band.hi_G.tolist()}]


def _group(group: str, members: pd.DataFrame, style: Style, view: View) -> list[dict[str, Any]]:
    """Points behind the group's front, the front as a step line, and the front's points with error bars."""
    cost = view.cost.column
    behind = members[~members["group_front"]]
    front = sort_along_front(members[members["group_front"]], cost)
    spent, quality = _numbers(front[cost]), _numbers(front["quality"])
    shared = {"type": "scatter", "name": escape(group), "legendgroup": group}
    faint = {**shared, **_dots(behind, cost, style, size=7), "showlegend": False}
    steps = {
        **shared,
        "mode": "lines",
        "x": [*spent, view.widest] if spent else [],
        "y": [*quality, quality[-1]] if spent else [],
        "line": {"shape": "hv", "color": style.colour, "dash": style.dash, "width": 2},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    key = {  # of the legend, independent of any point's opacity
        **{**shared, "mode": "lines+markers", "x": [None], "y": [None]},
        "line": steps["line"],
        "marker": {"color": style.colour, "symbol": style.symbol, "size": 9},
    }
    shown = {
        **shared,
        **_dots(front, cost, style, size=10),
        "error_x": _bars(front, cost, style),
        "error_y": _bars(front, "quality", style),
        "showlegend": False,
    }
    return [faint, steps, shown, key]


def _dots(rows: pd.DataFrame, cost: str, style: Style, size: int) -> dict[str, Any]:
    return {
        "mode": "markers",
        "x": _numbers(rows[cost]),
        "y": _numbers(rows["quality"]),
        "customdata": [members[0] for members in rows["members"]],
        "hovertext": [_hover(row) for row in rows.to_dict("records")],
        "hovertemplate": HOVER,
        "marker": {
            "color": style.colour,
            "symbol": style.symbol,
            "size": size,
            "opacity": opacities(rows["on_front"]),
        },
    }


def _bars(rows: pd.DataFrame, name: str, style: Style) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": _numbers(rows[f"{name}_hi"] - rows[name]),
        "arrayminus": _numbers(rows[name] - rows[f"{name}_lo"]),
        "color": style.colour,
        "thickness": 1,
        "width": 0,
    }


def _hover(row: Mapping[Any, Any]) -> str:
    """Escaped, because plotly reads hover text as markup."""
    lines = [
        f"<b>{escape(str(row['group']))}</b>",
        escape(str(row["label"])),
        f"quality {row['quality']:.3f} [{row['quality_lo']:.3f}, {row['quality_hi']:.3f}]",
        f"NFE {row['nfe']:.2f} [{row['nfe_lo']:.2f}, {row['nfe_hi']:.2f}]",
        f"tokens per step {row['tokens_per_step']:.2f}",
    ]
    lines += [
        f"{name} {row[column]:.4g}"
        for name, column in KNOWN_COSTS
        if row[column] == row[column]  # known
    ]
    if row["axon"]:
        empty = f", without support in {row['axon_empty']:.0%} of these" if row["axon_empty"] > 0 else ""
        lines.append(f"AXON fired in {row['axon_share']:.0%} of steps{empty}")
    if row["on_front"] == row["on_front"]:
        lines.append(f"on its group's front with probability {row['on_front']:.2f}")
    unscored = f", {row['unscored']} unscored" if row["unscored"] else ""
    partial = "" if row["complete"] else " (stopped)" if row["stopped"] else " (partial)"
    if row["stopped"]:
        lines.append(escape(f"stopped: {row['stopped']}"))
    lines += [f"n = {row['n']}{unscored}{partial}", *(escape(own) for own in row["setting_ids"])]
    return "<br>".join(lines)


def _numbers(values: "pd.Series[Any]") -> list[float]:
    numbers: list[float] = values.to_numpy(dtype=np.float64).tolist()
    return numbers
