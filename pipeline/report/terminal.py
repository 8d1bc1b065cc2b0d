"""The report for a terminal of 100 columns: the fronts as a table by rising NFE, then the result in words."""

import math

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.report.distinct import share_rows
from pipeline.report.labels import knob_columns, value_text
from pipeline.report.points import sort_along_front
from pipeline.report.summary import Summary

FEW = 12  # this many settings behind the fronts are listed too; more are only counted
MANY_KNOBS = 4


def render(title: str, points: pd.DataFrame, summary: Summary) -> RenderableType:
    ordered = sort_along_front(share_rows(points))
    behind = ordered[~ordered["group_front"]]
    listed = ordered if len(behind) <= FEW else ordered[ordered["group_front"]]
    table = _table(title, listed, knob_columns(points))
    hidden = int(ordered["shares"].sum() - listed["shares"].sum())
    legend = "● nobody beats it   ○ nobody in its group does   AXON %: share of steps AXON took"
    if (listed["shares"] > 1).any():
        legend += "   x3: three settings that decode alike"
    if hidden:
        legend += (
            f"\n{hidden} settings behind the fronts are not listed; points.csv and report.html have them."
        )
    parts: list[RenderableType] = [table, Text(legend, style="dim"), Text()]
    parts += [Text(summary.swept), Text(summary.front)]
    parts += [Text(f"Warning: {warning}", style="bold yellow") for warning in summary.inert]
    for answer in summary.answers:
        parts += [Text(part, style="bold") for part in (answer.short, answer.saved) if part]
        parts += [Text(part) for part in (answer.evidence, answer.pick) if part]
    parts += [Text(f"Note: {warning}", style="yellow") for warning in summary.warnings]
    return Group(*parts)


def _table(title: str, points: pd.DataFrame, knobs: list[str]) -> Table:
    table = Table(title=Text(title), title_justify="left", box=None, padding=(0, 1, 0, 0))
    alike = bool((points["shares"] > 1).any())
    if len(knobs) > MANY_KNOBS:  # they do not fit side by side
        knobs = []
    table.add_column("", width=1)
    table.add_column("group", min_width=min(18, max((len(group) for group in points["group"]), default=0)))
    for knob in knobs:
        table.add_column(knob.removeprefix("knob.").replace("_", "\n"), justify="right", overflow="fold")
    if not knobs:
        table.add_column("setting", overflow="fold")
    if alike:
        table.add_column("", justify="right")
    table.add_column("quality [95 %]", justify="right", no_wrap=True)
    for heading in ("NFE", "tok/\npass", "AXON\n%", "n", "un-\nscored"):
        table.add_column(heading, justify="right")
    for row in points.to_dict("records"):
        mark = "●" if row["front"] else "○" if row["group_front"] else ""
        names = [value_text(row[knob]) for knob in knobs] if knobs else [str(row["label"])]
        table.add_row(
            mark,
            Text(str(row["group"])),
            *(Text(name) for name in names),
            *([f"x{row['shares']}" if row["shares"] > 1 else ""] if alike else []),
            quality_text(row["quality"], row["quality_lo"], row["quality_hi"]),
            number(row["nfe"], 1),
            number(row["tokens_per_step"], 2),
            number(row["axon_share"] * 100, 0) if row["axon"] else "",
            str(row["n"]) if row["complete"] or not row["n"] else f"{row['n']} part",
            str(row["unscored"] or ""),
            style="" if row["group_front"] else "dim",
        )
    return table


def quality_text(quality: float, lo: float, hi: float) -> str:
    return "unscored" if math.isnan(quality) else f"{quality:.3f} [{lo:.2f}, {hi:.2f}]"


def number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
