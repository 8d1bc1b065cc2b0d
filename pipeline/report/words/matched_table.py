"""Quality at matched NFE as a table: on the page, on the terminal, as matched_nfe.csv."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

import pandas as pd
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.report.comparisons.matched import AtBudget, Heights, Matched
from pipeline.report.data.labels import NO_VALUE
from pipeline.report.facet import Facet
from pipeline.report.statistics.stats import Interval
from pipeline.report.words.inline import unbroken
from pipeline.report.words.phrases import number, quoted, signed
from pipeline.report.words.told import UNFOLDED

TITLE = "Quality at matched NFE"
DIGITS = 3
HELD, OPEN = "†", "‡"
TOLD = "The quality of two fronts at the same number of model calls: positive differences where the first lies higher."
HEADINGS = ("by choice", "difference [95 %]", "settings mixed [95 %]")
LONGEST = 8  # letters of a front's name as a heading in a terminal, where longer ones would break the figures


class Texts(NamedTuple):
    """Of a pair of fronts, to be read by people; `table`: a row per budget."""

    pair: str
    table: pd.DataFrame
    reach: str  # which budgets, on how many examples
    legend: str  # what the figures are: the same of all pairs but for signs that some don't have

    @property
    def caption(self) -> str:
        return f"{self.reach} {self.legend}"


def matched_texts(facet: Facet) -> list[Texts]:
    return [
        Texts(
            f"{quoted(own.front.name)} against {quoted(own.against.name)}",
            pd.DataFrame(
                [_texts(own, row) for row in own.rows],
                columns=["NFE", own.front.name, own.against.name, *HEADINGS],
            ),
            _reach(own),
            _legend([own]),
        )
        for own in facet.matched
    ]


def matched_section(facet: Facet) -> str:
    """The page's part: a heading, a table per pair of fronts with a row per budget, a legend; empty without pairs."""
    if not facet.matched:
        return ""
    tables = "".join(_html(own) for own in matched_texts(facet))
    legend = f'<p class="soft">{escape(_legend(facet.matched))}</p>'
    return f'<section class="matched"><h3>{TITLE}</h3><p class="soft">{TOLD}</p>{tables}{legend}</section>'


def matched_terminal(facet: Facet) -> Iterator[RenderableType]:
    """Tables of a few pairs. More would take pages, and a file has them all."""
    texts = matched_texts(facet)
    if len(texts) > UNFOLDED:
        yield Text(f"{TITLE} of {len(texts)} pairs of fronts: matched_nfe.csv and report.html.", style="dim")
        return
    for own in texts:
        title = Text(f"{TITLE}: {own.pair}")
        table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
        for heading in _terminal_headings(list(own.table.columns)):
            table.add_column(Text(heading), justify="right", overflow="fold")
        for row in own.table.itertuples(index=False):
            table.add_row(*row)
        yield from (Text(), table, Text(own.reach, style="dim"))
    if facet.matched:
        yield from (Text(), Text(_legend(facet.matched), style="dim"))


def _terminal_headings(headings: Sequence[str]) -> list[str]:
    """In as little room as the figures take, so that all of a row is on one line of 80 columns."""
    nfe, first, second, choice, *differences = headings
    names = (first, second) if max(len(first), len(second)) <= LONGEST else ("first", "second")
    return [nfe, *names, choice.replace(" ", "\n"), *differences]


def matched_table(facets: Sequence[Facet]) -> pd.DataFrame:
    """One row per facet, pair of fronts and budget; no figure where a front has no value."""
    return pd.DataFrame(
        [
            {
                "task": facet.task,
                "model": facet.model,
                "front": own.front.name,
                "against": own.against.name,
                "nfe": row.nfe,
                **_figures(row.linear),
                **{f"mixed_{name}": value for name, value in _figures(row.mixed).items()},
                "held": "|".join(row.held),
                "open": "|".join(row.open),
                "n": own.n,
            }
            for facet in facets
            for own in facet.matched
            for row in own.rows
        ]
    )


def _figures(own: Heights) -> dict[str, float]:
    return {
        "front_quality": own.front,
        "against_quality": own.against,
        "difference": own.difference.estimate,
        "difference_lo": own.difference.lo,
        "difference_hi": own.difference.hi,
        "by_choice": own.flattered,
    }


def difference_text(difference: Interval) -> str:
    """`+0.041 [+0.018, +0.066]`; a dash where there is none."""
    return NO_VALUE if math.isnan(difference.estimate) else signed(difference, DIGITS)


def _html(own: Texts) -> str:
    headings = list(own.table.columns)[1:]
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(_html_row(headings, *row) for row in own.table.itertuples(index=False))
    return (
        f"<p>{escape(own.pair)}</p>"
        f'<div class="scroll"><table class="evidence">'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        f'<p class="soft">{escape(own.reach)}</p>'
    )


def _html_row(headings: Sequence[str], nfe: str, *texts: str) -> str:
    """The headings again, for narrow screens, on which a row is a block."""
    cells = "".join(
        f'<td data-label="{unbroken(heading)}">{escape(text)}</td>'
        for heading, text in zip(headings, texts, strict=True)
    )
    return f'<tr><td class="text">{escape(nfe)} NFE</td>{cells}</tr>'


def _texts(own: Matched, row: AtBudget) -> list[str]:
    heights = [
        number(height, DIGITS) + HELD * (side.name in row.held) + OPEN * (side.name in row.open)
        for side, height in ((own.front, row.linear.front), (own.against, row.linear.against))
    ]
    flattered = row.linear.flattered
    choice = NO_VALUE if math.isnan(flattered) else f"{round(flattered, DIGITS) + 0.0:+.{DIGITS}f}"
    differences = (difference_text(own.difference) for own in (row.linear, row.mixed))
    return [f"{row.nfe:g}", *heights, choice, *differences]


def _reach(own: Matched) -> str:
    """Between which budgets the fronts can be compared, in the digits that tell them apart, and on what."""
    digits = 1 if f"{own.lo:.1f}" != f"{own.hi:.1f}" else 2
    lo, hi = (f"{end:.{digits}f}" for end in (own.lo, own.hi))
    which = "." if own.asked else ": shown at round numbers between; nfe=[8,16] names others."
    where = f"at {own.lo:g} NFE alone." if lo == hi else f"from {lo} to {hi} NFE{which}"
    return f"The fronts can be compared {where} Paired bootstrap over {own.n} examples."


def _legend(matched: Sequence[Matched]) -> str:
    """What the figures are, and what of them holds beyond the settings tried."""
    texts = [
        "Fronts are linear between neighbouring settings (one on some examples, the other on the rest).",
        "Settings mixed: the difference where each side may mix any two of its settings.",
        "Intervals are of each budget for itself.",
        "By choice: what picking settings on the examples that measure them adds to the difference, at least; the "
        "interval allows for it.",
    ]
    if any(row.held for own in matched for row in own.rows):
        texts.append(f"{HELD}: the front's slowest setting takes fewer steps, and its quality is kept.")
    if any(row.open for own in matched for row in own.rows):
        texts.append(
            f"{OPEN}: the front's next slower setting is as good as the other front is here, so that between its "
            "settings it may be as good, too: evaluate it nearer this NFE."
        )
    if any(math.isnan(row.linear.difference.estimate) for own in matched for row in own.rows):
        texts.append(f"{NO_VALUE}: outside what the settings cover.")
    return " ".join(texts)
