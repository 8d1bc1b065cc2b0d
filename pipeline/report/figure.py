"""The page's interactive figure, as the JSON that plotly.js draws (plotly's Python objects would add nothing)."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report.palette import Look, looks

HOVER = "%{hovertext}<extra></extra>"
BUTTONS = ["toImage", "zoom2d", "pan2d", "resetScale2d"]
CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [BUTTONS]}


def figure_json(points: pd.DataFrame) -> str:
    """Traces, layout and config; safe inside a script element, whatever the labels hold."""
    scored = points[points["n"] > 0]
    widest = float(scored["nfe_hi"].max()) * 1.06 if len(scored) else 1.0
    traces: list[dict[str, Any]] = []
    for arm, look in looks(scored).items():
        traces += _arm(arm, scored[scored["arm"] == arm], look, widest)
    text = json.dumps({"data": traces, "layout": _layout(widest), "config": CONFIG}, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _layout(widest: float) -> dict[str, Any]:
    return {
        "font": {"family": 'system-ui, "Segoe UI", "DejaVu Sans", sans-serif', "size": 13},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 62, "r": 16, "t": 12, "b": 52},
        "xaxis": {"title": {"text": "NFE: model passes a sample (fewer is better)"}, "range": [0, widest]},
        "yaxis": {"title": {"text": "Quality: mean score"}, "tickformat": ".2f"},
        "legend": {"x": 1, "xanchor": "right", "y": 0, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"},
        "hovermode": "closest",
    }


def _arm(arm: str, members: pd.DataFrame, look: Look, widest: float) -> list[dict[str, Any]]:
    """Points behind the arm's front, the front's steps, and the front's points with their bars."""
    behind = members[~members["arm_front"]]
    front = members[members["arm_front"]].sort_values(["nfe", "setting_id"])
    nfe, quality = _numbers(front["nfe"]), _numbers(front["quality"])
    shared = {"type": "scatter", "name": escape(arm), "legendgroup": arm}
    faded = {
        **shared,
        **_dots(behind, look, size=7, opacity=0.3),
        "showlegend": False,
    }
    steps = {
        **shared,
        "mode": "lines",
        "x": [*nfe, widest] if nfe else [],
        "y": [*quality, quality[-1]] if nfe else [],
        "line": {"shape": "hv", "color": look.colour, "dash": look.dash, "width": 2},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    shown = {
        **shared,
        **_dots(front, look, size=10, opacity=1.0),
        "error_x": _bars(front, "nfe", look),
        "error_y": _bars(front, "quality", look),
    }
    return [faded, steps, shown]


def _dots(rows: pd.DataFrame, look: Look, size: int, opacity: float) -> dict[str, Any]:
    return {
        "mode": "markers",
        "x": _numbers(rows["nfe"]),
        "y": _numbers(rows["quality"]),
        "customdata": [str(setting_id) for setting_id in rows["setting_id"]],
        "hovertext": [_hover(row) for row in rows.to_dict("records")],
        "hovertemplate": HOVER,
        "marker": {"color": look.colour, "symbol": look.symbol, "size": size, "opacity": opacity},
    }


def _bars(rows: pd.DataFrame, name: str, look: Look) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": _numbers(rows[f"{name}_hi"] - rows[name]),
        "arrayminus": _numbers(rows[name] - rows[f"{name}_lo"]),
        "color": look.colour,
        "thickness": 1,
        "width": 0,
    }


def _hover(row: Mapping[Any, Any]) -> str:
    """Escaped, since plotly reads hover text as markup."""
    lines = [
        f"<b>{escape(str(row['arm']))}</b>",
        escape(str(row["label"])),
        f"quality {row['quality']:.3f} [{row['quality_lo']:.3f}, {row['quality_hi']:.3f}]",
        f"NFE {row['nfe']:.2f} [{row['nfe_lo']:.2f}, {row['nfe_hi']:.2f}]",
        f"tokens a pass {row['tokens_per_pass']:.2f}",
    ]
    if row["axon"]:
        lines.append(f"AXON took {row['axon_share']:.0%} of passes")
    unscored = f", {row['unscored']} unscored" if row["unscored"] else ""
    partial = "" if row["complete"] else " (partial)"
    lines += [f"n = {row['n']}{unscored}{partial}", escape(str(row["setting_id"]))]
    return "<br>".join(lines)


def _numbers(values: "pd.Series[Any]") -> list[float]:
    numbers: list[float] = values.to_numpy(dtype=np.float64).tolist()
    return numbers
