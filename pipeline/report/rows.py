"""The page's table: a row for the settings that decode identically (mostly one), and the details it unfolds."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import pandas as pd

from pipeline.planning.setting import Setting
from pipeline.report.command import point_command
from pipeline.report.distinct import share_rows
from pipeline.report.facet import Facet
from pipeline.report.labels import NO_VALUE, described, joined, knob_columns, value_text
from pipeline.report.palette import styles
from pipeline.report.phrases import number
from pipeline.report.points import sort_along_front


class Column(NamedTuple):
    heading: str
    name: str  # of the points' column
    digits: int
    factor: float = 1
    interval: bool = False  # whether to show its interval


COLUMNS = (
    Column("quality", "quality", 3, interval=True),
    Column("NFE", "nfe", 1, interval=True),
    Column("P(on the front)", "on_front", 2),
    Column("tokens per step", "tokens_per_step", 2),
    Column("AXON: % of steps", "axon_share", 0, 100),
    Column("% of these empty", "axon_empty", 0, 100),
    Column("machine seconds per example", "batch_seconds", 3),
    Column("n", "n", 0),
    Column("unscored", "unscored", 0),
)
CACHED = (  # where any setting has a cache
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
    Column("decoding order (Kendall's tau, 1: left to right)", "kendall_tau", 2),
    Column("decoding order (Spearman's rho, as ParallelBench)", "spearman_rho", 2),
    Column("average finalisation parallelism (AFP)", "afp", 2),
    Column("tokens per machine second", "tokens_per_second", 1),
    Column("seconds until the first block, at its batch size", "seconds_to_first_block", 3),
    Column("seconds in the batch", "seconds_in_batch", 3),
    Column("% of seconds spent on attention capture", "capture_share", 1, 100),
)


def settings_table(facet: Facet) -> str:
    """Of all its points."""
    points, settings = facet.points, facet.settings
    cached = (points["cache"] != "none").any()
    knobs, columns = knob_columns(points), _known((*COLUMNS, *CACHED) if cached else COLUMNS, points)
    headings = ["<th></th><th></th>", _heading("group", "text")]
    headings += [_heading(escape(knob.removeprefix("knob.").replace("_", " "))) for knob in knobs]
    headings += [
        _heading(column.heading, sort="ascending" if column.name == "nfe" else "") for column in columns
    ]
    colours = {group: style.colour for group, style in styles(points).items()}
    further, labels = _known(FURTHER, points), dict(points["label"])
    bodies = []
    for row in sort_along_front(share_rows(points)).to_dict("records"):
        names = [str(labels[own]) for own in row["members"]]
        details = _details(row, further, names, [settings[own] for own in row["members"]])
        details += "".join(
            _command(name, point_command(facet.commands[own], settings[own]))
            for name, own in zip(names, row["members"], strict=True)
        )
        bodies.append(_body(row, knobs, columns, colours[row["group"]], names, details))
    return f'<table class="settings"><thead><tr>{"".join(headings)}</tr></thead>{"".join(bodies)}</table>'


def _known(columns: Sequence[Column], points: pd.DataFrame) -> list[Column]:
    """Those of which anything is known: records of older versions lack some, and not every decoder has all."""
    return [column for column in columns if points[column.name].notna().any()]


def _heading(text: str, kind: str = "", sort: str = "") -> str:
    attributes = (f' class="{kind}"' if kind else "") + (f' aria-sort="{sort}"' if sort else "")
    return f'<th data-column="1"{attributes}><button type="button">{text}</button></th>'


def _body(
    row: Mapping[Any, Any],
    knobs: Sequence[str],
    columns: Sequence[Column],
    colour: str,
    names: Sequence[str],
    details: str,
) -> str:
    """A row of settings that decode identically (mostly one), and below it, folded, the settings themselves.

    `names`: theirs.
    """
    mark = (
        "●"
        if row["front"]
        else "○"
        if row["group_front"]
        else ""
        if row["complete"]
        else "stopped"
        if row["stopped"]
        else "no NFE"
        if row["n"] and math.isnan(row["nfe"])
        else "partial"
    )
    times = f' <span class="interval">x{row["shares"]}</span>' if row["shares"] > 1 else ""
    cells = [
        '<td><button type="button" class="fold" aria-expanded="false" aria-label="details">+</button></td>',
        f"<td>{mark}</td>",
        f'<td class="text" data-value="{escape(str(row["group"]))}">'
        f"{dot(colour)}{escape(str(row['group']))}{times}</td>",
    ]
    for knob in knobs:
        text = escape(value_text(row[knob]))
        cells.append(f'<td data-value="{"" if text == NO_VALUE else text}">{text}</td>')
    cells += [_cell(row, column) for column in columns]
    searched = escape(" ".join([row["group"], row["label"], *names, *row["setting_ids"]]).lower())
    places = " ".join(str(place) for place in row["members"])
    kind = "front" if row["group_front"] else "behind"
    return (
        f'<tbody class="{kind}" data-points="{places}" data-front="{int(row["group_front"])}" '
        f'data-text="{searched}"><tr class="point">{"".join(cells)}</tr>'
        f'<tr class="detail"><td colspan="{len(cells)}"><div class="about">{details}</div></td></tr></tbody>\n'
    )


def _cell(row: Mapping[Any, Any], column: Column) -> str:
    value = row[column.name]
    if math.isnan(value):
        return f'<td data-value="">{NO_VALUE}</td>'
    beside = ""
    if column.interval:
        lo, hi = row[f"{column.name}_lo"], row[f"{column.name}_hi"]
        beside = f" {interval(lo, hi, column.digits)}"
    return f'<td data-value="{value:.12g}">{number(value * column.factor, column.digits)}{beside}</td>'


def interval(lo: float, hi: float, digits: int) -> str:
    return f'<span class="interval">{lo:.{digits}f}&ndash;{hi:.{digits}f}</span>'


def _details(
    row: Mapping[Any, Any], further: Sequence[Column], names: Sequence[str], settings: Sequence[Setting]
) -> str:
    """What the row has no room for: further metrics, then the settings as they were run (where they differ: `1|2`)."""
    pairs = [(column.heading, number(row[column.name] * column.factor, column.digits)) for column in further]
    metrics = [str(name) for name in row if str(name).startswith("metric.")]
    pairs += [(f"metric {name.removeprefix('metric.')}", number(row[name], 3)) for name in metrics]
    pairs += [
        ("setting_id", f"{own} ({name})" if len(names) > 1 else str(own))
        for own, name in zip(row["setting_ids"], names, strict=True)
    ]
    flat = [described(setting) for setting in settings]
    pairs += [
        (key, joined(own.get(key) for own in flat))
        for key in dict.fromkeys(key for own in flat for key in own)
    ]
    items = "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in pairs)
    return f"<dl>{items}</dl>"


def _command(label: str, command: str | None) -> str:
    """What evaluates a setting again, with a button that copies it."""
    if command is None:
        return ""
    return (
        f'<div class="command"><code>{escape(command)}</code>'
        f'<button type="button" class="copy" aria-label="Copy the command: {escape(label)}">Copy</button></div>'
    )


def dot(colour: str) -> str:
    return f'<span class="dot" style="background:{colour}"></span>'
