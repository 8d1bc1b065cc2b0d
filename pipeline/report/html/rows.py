"""The data of the page's table: a row for the settings that decode identically (mostly one), and what it unfolds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import pandas as pd

from pipeline.report.data.distinct import share_rows
from pipeline.report.data.labels import described, knob_columns, value_text
from pipeline.report.data.points import sort_along_front, unlike_canvas
from pipeline.report.facet import Facet
from pipeline.report.figures.palette import styles
from pipeline.report.html.command import point_words
from pipeline.report.words.inline import inline_json
from pipeline.report.words.phrases import number
from pipeline.runs.columns import to_column, to_columns

Json = dict[str, Any]


class Column(NamedTuple):
    heading: str
    name: str  # of the points' column
    digits: int
    factor: float = 1
    interval: bool = False  # whether to show its interval


COLUMNS = (
    Column("quality", "quality", 3, interval=True),
    Column("SD over seeds", "seed_sd", 3),
    Column("seeds", "seeds", 0),
    Column("NFE", "nfe", 1, interval=True),
    Column("P(on the front)", "on_front", 2),
    Column("tokens per step", "tokens_per_step", 2),
    Column("AXON: % of steps", "axon_share", 0, 100),
    Column("% of these empty", "axon_empty", 0, 100),
    Column("% of tokens masked again", "remasked_share", 0, 100),
    Column("% of tokens replaced", "replaced_share", 0, 100),
    Column("% of tokens revealed ahead", "ahead_share", 0, 100),
    Column("% of steps on full blocks", "post_share", 0, 100),
    Column("machine seconds per example", "batch_seconds", 3),
    Column("n", "n", 0),
    Column("unscored", "unscored", 0),
)
# No column of the table where they tell no setting from another.
ALIKE = {
    "ahead_share",
    "axon_empty",
    "n",
    "post_share",
    "remasked_share",
    "replaced_share",
    "seeds",
    "unscored",
}
CACHED = (  # where any setting's steps compute something else than the canvas
    Column("computed positions per example", "computed_positions", 0),
    Column("prefill passes", "prefill_passes", 2),
    Column("store passes", "store_passes", 2),
    Column("whole passes", "full_passes", 2),
)
FURTHER = (
    Column("NFE to end of text", "nfe_to_eos", 2),
    Column("tokens per step to end of text", "tokens_per_step_to_eos", 2),
    Column("tokens per pass, prefill and store passes counted", "tokens_per_pass", 2),
    Column("computed positions per example", "computed_positions", 0),
    Column("model GFLOPs per example", "flops", 3, 1e-9),
    Column("% of steps in which the gate was evaluated", "gate_share", 1, 100),
    Column("% of gate evaluations in which AXON fired", "firing_rate", 1, 100),
    Column("anchors per AXON step", "anchors_per_step", 2),
    Column("% of columns that AXON counted as sinks", "axon_sink_share", 1, 100),
    Column("% of steps in which DAWN's graph was empty", "graph_empty", 1, 100),
    Column("% of columns that DAWN counted as sinks", "graph_sink_share", 1, 100),
    Column("% of steps in which attention held tokens back", "held_share", 1, 100),
    Column("tokens held back in each of these", "held_per_step", 2),
    Column("decoding order (Kendall's tau, 1: left to right)", "kendall_tau", 2),
    Column("decoding order (Spearman's rho, as ParallelBench)", "spearman_rho", 2),
    Column("average finalisation parallelism (AFP)", "afp", 2),
    Column("tokens per machine second", "tokens_per_second", 1),
    Column("seconds until the first block, at its batch size", "seconds_to_first_block", 3),
    Column("seconds in the batch", "seconds_in_batch", 3),
    Column("% of seconds spent on attention capture", "capture_share", 1, 100),
)


def settings_json(facet: Facet) -> str:
    """What web/table.js and web/about.js make rows, and what they unfold, from: each text once, in columns
    (runs/columns.py), for 20,000 settings have a million of them.

    `columns`: those of the table, `lo` and `hi` the ends of an interval; `marks`, `shares` and `points`, the places of
    a row's settings among the points, by row; `further`: figures that are unfolded; `labels`, `ids`, `settings` and
    `commands` by point.
    """
    points, settings = facet.points, facet.settings
    rows = sort_along_front(share_rows(points)).to_dict("records")
    columns = [_column("group", (str(row["group"]) for row in rows), "text")]
    columns += [
        _column(knob.removeprefix("knob."), (value_text(row[knob]) for row in rows))
        for knob in knob_columns(points)
    ]
    shown, folded = _split(_known((*COLUMNS, *CACHED) if unlike_canvas(points) else COLUMNS, points), points)
    columns += [_figures(rows, column) for column in shown]
    further = [_figures(rows, column) for column in (*folded, *_known(FURTHER, points))]
    metrics = [str(name) for name in points if str(name).startswith("metric.")]
    further += [
        _column(f"metric {name.removeprefix('metric.')}", (number(row[name], 3) for row in rows))
        for name in metrics
    ]
    words = [point_words(*own) for own in zip(facet.commands, settings, strict=True)]
    known = to_column(word for own in words for word in own)["values"]
    places = {word: place for place, word in enumerate(known)}
    return inline_json(
        {
            "columns": columns,
            "colours": {group: style.colour for group, style in styles(points).items()},
            "marks": to_column(_mark(row) for row in rows),
            "shares": to_column(row["shares"] for row in rows),
            "points": [row["members"] for row in rows],
            "further": further,
            "labels": to_column(str(label) for label in points["label"]),
            "ids": [setting.id for setting in settings],
            "settings": to_columns(
                {key: value_text(value) for key, value in described(setting).items()} for setting in settings
            ),
            "commands": {"words": known, "of": [[places[word] for word in own] for own in words]},
        }
    )


def fronts_table(facet: Facet) -> str:
    """The settings of the groups' fronts alone, for where no script runs."""
    rows = sort_along_front(share_rows(facet.points[facet.points["group_front"]])).to_dict("records")
    lines = "".join(
        f'<tr><td class="text">{escape(str(row["group"]))}</td><td class="text">{escape(str(row["label"]))}</td>'
        f"<td>{number(row['quality'], 3)} {interval(row['quality_lo'], row['quality_hi'], 3)}</td>"
        f"<td>{number(row['nfe'], 1)}</td></tr>"
        for row in rows
    )
    head = '<th class="text">group</th><th class="text">setting</th><th>quality</th><th>NFE</th>'
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _known(columns: Sequence[Column], points: pd.DataFrame) -> list[Column]:
    """Those of which anything is known: records of older versions lack some, and not every decoder or sweep has all."""
    return [column for column in columns if column.name in points and points[column.name].notna().any()]


def _split(columns: Sequence[Column], points: pd.DataFrame) -> tuple[list[Column], list[Column]]:
    """Those of the table, and those that say the same of every setting, which are unfolded with its other figures."""
    same = {column.name for column in columns if points[column.name].dropna().nunique() <= 1} & ALIKE
    parts = [column for column in columns if column.name not in same]
    return parts, [column for column in columns if column.name in same]


def _column(heading: str, texts: Iterable[str], kind: str = "") -> Json:
    return {"heading": heading, "kind": kind, **to_column(texts)}


def _figures(rows: Sequence[Mapping[Any, Any]], column: Column) -> Json:
    def texts(name: str) -> Iterable[str]:
        return (number(row[name] * column.factor, column.digits) for row in rows)

    found = _column(column.heading, texts(column.name), "nfe" if column.name == "nfe" else "")
    if column.interval:
        found |= {end: to_column(texts(f"{column.name}_{end}")) for end in ("lo", "hi")}
    return found


def _mark(row: Mapping[Any, Any]) -> str:
    if row["front"]:
        return "●"
    if row["group_front"]:
        return "○"
    if row["complete"]:
        return ""
    if row["stopped"]:
        return "stopped"
    return "no NFE" if row["n"] and math.isnan(row["nfe"]) else "partial"


def interval(lo: float, hi: float, digits: int) -> str:
    return "" if math.isnan(lo) else f'<span class="interval">{lo:.{digits}f}&ndash;{hi:.{digits}f}</span>'
