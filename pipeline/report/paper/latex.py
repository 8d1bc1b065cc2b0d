"""LaTeX tables, to be read with \\input; they need the package booktabs and UTF-8, which LaTeX takes since 2018."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pandas as pd

from pipeline.report.paper.cells import cells
from pipeline.report.paper.lines import Lines
from pipeline.report.words.matched_table import TITLE

ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "…": r"\ldots{}",
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    "·": r"$\cdot$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
MINUS = r"(?<!\w)-(?=\d)"  # of a number, where LaTeX would set a hyphen
SPECIAL = re.compile("|".join([*map(re.escape, ESCAPES), MINUS]))


def latex(tables: Sequence[Lines]) -> str:
    return "\n".join(text for place, own in enumerate(tables) for text in _tables(own, place))


def escaped(text: str) -> str:
    return SPECIAL.sub(lambda found: ESCAPES.get(found[0], "$-$"), text)


def _tables(own: Lines, place: int) -> Iterator[str]:
    yield _table(cells(own), own.caption, f"tab:fronts-{place}", 2)
    for further, texts in enumerate(own.matched):
        caption = f"{own.facet}: {TITLE}, {texts.pair}. {texts.caption}"
        yield _table(texts.table, caption, f"tab:matched-{place}-{further}", 0)


def _table(cells: pd.DataFrame, caption: str, label: str, texts: int) -> str:
    """`texts`: how many columns hold texts, and not numbers."""
    table = cells.map(escaped)
    table.columns = table.columns.map(escaped)
    return table.to_latex(
        index=False,
        escape=False,  # done above, in the caption too
        column_format="l" * texts + "r" * (len(table.columns) - texts),
        caption=escaped(caption),
        label=label,
        position="t",
    )
