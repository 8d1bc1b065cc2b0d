"""The report for a terminal of 80 columns or more: per facet the fronts as a table by rising NFE, then the findings."""

import math
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.containers import Lines
from rich.table import Table
from rich.text import Text

from pipeline.report.data.distinct import share_rows
from pipeline.report.data.labels import knob_columns, value_text
from pipeline.report.data.points import sort_along_front, unlike_canvas
from pipeline.report.facet import Facet
from pipeline.report.findings import Findings
from pipeline.report.words.expected import OUTSIDE, WITHIN, Check
from pipeline.report.words.matched_table import matched_terminal
from pipeline.report.words.phrases import bracketed, number
from pipeline.report.words.told import UNFOLDED

FEW = 12  # up to this many settings behind the fronts are listed too; more are only counted
LONGEST_PART = 7  # letters of a column's heading in a line
MANY_KNOBS = 4
FIGURES = re.compile(r"\[[^][]{,30}\]|\d %")  # an interval; a number of percent
HELD = "\ue000"  # no sign: a space at which no line ends, as rich breaks at those that Unicode has, too


def render(findings: Findings) -> RenderableType:
    checked = [part for check in findings.checks for part in _check(check)]
    if len(findings.facets) == 1:
        return Group(*_facet(findings.title, findings.facets[0]), *checked)
    parts: list[RenderableType] = [Text(findings.title, style="bold")]
    for facet in findings.facets:
        parts += [Text(), *_facet(facet.name, facet)]
    return Group(*parts, *checked)


def _check(check: Check) -> Iterator[RenderableType]:
    """The published figures beside the run's."""
    recipe = check.recipe
    table = Table(title=Text(recipe.title), title_justify="left", box=None, padding=(0, 1, 0, 0))
    for heading in ("", "expected", "got", "[95 %]", ""):
        table.add_column(heading, justify="right" if heading else "left")
    for figure in check.figures:
        style = {WITHIN: "green", OUTSIDE: "bold yellow"}.get(figure.outcome, "dim")
        *numbers, outcome = figure.texts
        table.add_row(*(Text(text) for text in numbers), Text(outcome, style=style))
    yield from (Text(), table if check.figures else Text(recipe.title))
    if recipe.expected.silent:
        yield Text("No figure is known for it: the recipe repeats settings only.")
    yield Text(f"Published: {recipe.source}", style="dim")
    yield from (Text(remark, style="dim") for remark in check.remarks)


def _facet(title: str, facet: Facet) -> Iterator[RenderableType]:
    summary, points = facet.summary, facet.points
    ordered = sort_along_front(share_rows(points))
    behind = ordered[~ordered["group_front"]]
    listed = ordered if len(behind) <= FEW else ordered[ordered["group_front"]]
    yield _table(title, listed, knob_columns(points))
    legend = "● on the Pareto front   ○ on its group's front"
    if listed["axon"].any():
        legend += "   AXON %: steps in which AXON fired"
    if (listed["shares"] > 1).any():
        legend += "   x3: three settings with identical decodes"
    if unlike_canvas(listed):
        legend += "   positions: computed per example"
    hidden = int(ordered["shares"].sum() - listed["shares"].sum())
    if hidden:
        legend += f"\n{hidden} settings behind the fronts are not listed; see points.csv and report.html."
    yield from (Text(legend, style="dim"), Text(), _Sentence(summary.swept), _Sentence(summary.front))
    for warning in summary.inert:
        yield _Sentence(f"Warning: {warning}", style="bold yellow")
    many = len(summary.verdicts) > UNFOLDED
    for verdict in summary.verdicts:
        yield from (_Sentence(part, style="bold") for part in (verdict.short, verdict.saved) if part)
        yield from (_Sentence(part) for part in (verdict.evidence, verdict.pick) if part and not many)
    if many:
        yield Text("What each verdict rests on, and which setting to run: report.html.", style="dim")
    yield from matched_terminal(facet)
    for warning in summary.warnings:
        yield _Sentence(f"Note: {warning}", style="yellow")
    for sentence in summary.lacking:
        yield _Sentence(sentence, style="dim")


def _table(title: str, points: pd.DataFrame, knobs: list[str]) -> Table:
    table = Table(title=Text(title), title_justify="left", box=None, padding=(0, 1, 0, 0))
    alike = bool((points["shares"] > 1).any())
    if len(knobs) > MANY_KNOBS:  # they don't fit side by side
        knobs = []
    table.add_column("", width=1)
    table.add_column("group", min_width=min(18, max((len(group) for group in points["group"]), default=0)))
    for knob in knobs:
        table.add_column(_heading(knob.removeprefix("knob.")), justify="right", overflow="fold")
    if not knobs:
        table.add_column("setting", overflow="fold")
    if alike:
        table.add_column("", justify="right")
    table.add_column("quality [95 %]", justify="right", no_wrap=True)
    seeded = "seeds" in points
    if seeded:
        table.add_column("SD of\nseeds", justify="right")
    unlike = unlike_canvas(points)
    costs = ("NFE", "posi-\ntions") if unlike else ("NFE",)
    lacking = bool((points["unscored"] > 0).any())
    fires = bool(points["axon"].any())
    shares = ["AXON\n%"] if fires else []
    for heading in (*costs, "tok/\nstep", *shares, "n", *(["un-\nscored"] if lacking else [])):
        table.add_column(heading, justify="right")
    for row in points.to_dict("records"):
        mark = "●" if row["front"] else "○" if row["group_front"] else ""
        names = [value_text(row[knob]) for knob in knobs] if knobs else [str(row["label"])]
        table.add_row(
            mark,
            _Wrapped(str(row["group"])),
            *(_Folded(name) for name in names),
            *([f"x{row['shares']}" if row["shares"] > 1 else ""] if alike else []),
            _quality(row["quality"], row["quality_lo"], row["quality_hi"]),
            *([number(row["seed_sd"], 3)] if seeded else []),
            number(row["nfe"], 1),
            *([number(row["computed_positions"], 0)] if unlike else []),
            number(row["tokens_per_step"], 2),
            *([number(row["axon_share"] * 100, 0) if row["axon"] else ""] if fires else []),
            _examples(row),
            *([str(row["unscored"] or "")] if lacking else []),
            style="" if row["group_front"] else "dim",
        )
    return table


class _Sentence(Text):
    """No line ends within a figure."""

    def wrap(self, console: Console, width: int, **how: Any) -> Lines:
        held = FIGURES.sub(lambda figure: figure[0].replace(" ", HELD), self.plain)
        lines = Text(held, style=self.style).wrap(console, width, **how)
        return Lines(Text(line.plain.replace(HELD, " "), style=self.style) for line in lines)


class _Wrapped(Text):
    """A name over several lines, at its hyphens: of runs of one sweep only the end tells which it is."""

    def wrap(self, console: Console, width: int, **how: Any) -> Lines:
        return Lines(Text(line) for line in textwrap.wrap(self.plain, width))


class _Folded(Text):
    """Of several values those that don't fit side by side are on lines of their own: no word is cut."""

    def wrap(self, console: Console, width: int, **how: Any) -> Lines:
        fits = self.cell_len <= width
        return (Text(self.plain) if fits else Text(self.plain.replace("|", "|\n"))).wrap(
            console, width, **how
        )


def _heading(knob: str) -> str:
    """Over lines as short as most values, so that names as long as `threshold` leave the values their room."""
    parts = knob.split("_")
    return "\n".join(
        part if len(part) <= LONGEST_PART else f"{part[: LONGEST_PART - 1]}-\n{part[LONGEST_PART - 1 :]}"
        for part in parts
    )


def _examples(row: Mapping[Any, Any]) -> str:
    if row["complete"] or not row["n"]:
        return str(row["n"])
    if math.isnan(row["nfe"]):
        return f"{row['n']} no NFE"
    return f"{row['n']} stopped" if row["stopped"] else f"{row['n']} part"


def _quality(quality: float, lo: float, hi: float) -> str:
    return "unscored" if math.isnan(quality) else f"{quality:.3f}{bracketed(lo, hi, 2)}"
