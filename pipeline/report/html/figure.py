"""What the page's script draws the figures from: the facet's rows with their numbers, groups, costs and axes, as JSON.

The script chooses what is shown and finds the fronts of what is left; everything else is computed here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.report.data.distinct import share_rows
from pipeline.report.data.labels import NO_VALUE, knob_columns, value_text
from pipeline.report.data.views import View
from pipeline.report.facet import Facet
from pipeline.report.figures.axes import Axis
from pipeline.report.figures.palette import band_opacity, likely, styles
from pipeline.report.words.inline import inline_json
from pipeline.report.words.percent import percent
from pipeline.report.words.phrases import number
from pipeline.runs.columns import to_columns

DIGITS = 7  # of the numbers that are drawn
EXACTLY = 10  # of those that fronts are found from
PASSES = (("whole passes", "full_passes"), ("store passes", "store_passes"))
Json = dict[str, Any]


def figure_json(facet: Facet, axes: Sequence[Axis]) -> str:
    """`groups`: name, colour, symbol, dash; `costs`: a view each, its bands by the group's name; `rows`, in columns
    (runs/columns.py): settings that decode identically, `points` their rows in the points, of which there are `count`;
    `axes`: for the toggles, `of` by point; `knobs`: the names of what varies, in the order of each row's `knobs`.
    """
    found = {
        "band": band_opacity(max(len(view.bands) for view in facet.views)),
        "count": len(facet.points),
        "groups": [{"name": name, **style._asdict()} for name, style in styles(facet.points).items()],
        "costs": [_cost(view) for view in facet.views],
        "axes": [{"name": axis.name, "values": axis.values, "of": axis.of} for axis in axes],
        "knobs": [name.removeprefix("knob.") for name in knob_columns(facet.points)],
        "rows": to_columns(_rows(facet)),
    }
    return inline_json(found)


def _cost(view: View) -> Json:
    return {
        "column": view.cost.column,
        "name": view.cost.name,
        "axis": view.cost.axis,
        "widest": _short(view.widest),
        "low": view.heights[0],
        "high": view.heights[1],
        "bands": {
            group: {
                "x": [_short(value) for value in band.budget_G],
                "lo": [_short(value) for value in band.lo_G],
                "hi": [_short(value) for value in band.hi_G],
            }
            for group, band in view.bands.items()
        },
    }


def _rows(facet: Facet) -> list[Json]:
    knobs = knob_columns(facet.points)
    shared = share_rows(facet.points[facet.points["n"] > 0])
    likelihoods = [likely(view.points) for view in facet.views]
    return [_row(row, facet.views, likelihoods, knobs) for row in shared.to_dict("records")]


def _row(
    row: Mapping[Any, Any],
    views: Sequence[View],
    likelihoods: Sequence["pd.Series[float]"],
    knobs: Sequence[str],
) -> Json:
    first = row["members"][0]
    columns = [view.cost.column for view in views]
    return {
        "points": list(row["members"]),
        "group": row["group"],
        "label": row["label"],
        "complete": bool(row["complete"]),
        "quality": _interval(row, "quality"),
        "costs": {column: _interval(row, column) for column in columns},
        "likely": [_known(own.get(first)) for own in likelihoods],
        "knobs": [None if value_text(row[knob]) == NO_VALUE else _plain(row[knob]) for knob in knobs],
        "notes": _notes(row),
    }


def _notes(row: Mapping[Any, Any]) -> list[tuple[str, str]]:
    """What the card says beside quality and costs: names and values."""
    pairs = [("tokens per step", number(row["tokens_per_step"], 2))]
    pairs += [(name, f"{row[column]:.2f}") for name, column in PASSES if row[column] == row[column]]
    if row["axon"]:
        empty = f", without support in {percent(row['axon_empty'])} of these" if row["axon_empty"] > 0 else ""
        pairs.append(("AXON fired", f"in {percent(row['axon_share'])} of steps{empty}"))
    if row["on_front"] == row["on_front"]:
        pairs.append(("P(on its group's front)", f"{row['on_front']:.2f}"))
    if row["stopped"]:
        pairs.append(("stopped", row["stopped"]))
    if row.get("seeds", 0) > 0:
        spread = f", SD of the quality over them {row['seed_sd']:.3f}" if row["seeds"] > 1 else ""
        pairs.append(("seeds", f"{row['seeds']:.0f}{spread}"))
    unscored = f", {row['unscored']} unscored" if row["unscored"] else ""
    partial = "" if row["complete"] else " (stopped)" if row["stopped"] else " (partial)"
    return [*pairs, ("n", f"{row['n']}{unscored}{partial}")]


def _interval(row: Mapping[Any, Any], name: str) -> list[float | None]:
    """Estimate, lower, upper."""
    return [_known(row[name], EXACTLY), *(_known(row[f"{name}_{end}"]) for end in ("lo", "hi"))]


def _known(value: Any, digits: int = DIGITS) -> float | None:
    return None if pd.isna(value) else _short(value, digits)


def _short(value: Any, digits: int = DIGITS) -> float:
    return float(f"{float(value):.{digits}g}")


def _plain(value: Any) -> float | str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number else value_text(value)
