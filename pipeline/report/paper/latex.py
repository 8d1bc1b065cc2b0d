"""LaTeX tables, to be read with \\input; they need the package booktabs and UTF-8, which LaTeX takes since 2018."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.report.paper.cells import cells
from pipeline.report.paper.lines import Lines

ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "…": r"\ldots{}",
    "·": r"$\cdot$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
SPECIAL = re.compile("|".join(map(re.escape, ESCAPES)))


def latex(tables: Sequence[Lines]) -> str:
    return "\n".join(_table(own, place) for place, own in enumerate(tables))


def escaped(text: str) -> str:
    return SPECIAL.sub(lambda found: ESCAPES[found[0]], text)


def _table(own: Lines, place: int) -> str:
    table = cells(own).map(escaped)
    table.columns = table.columns.map(escaped)
    return table.to_latex(
        index=False,
        escape=False,  # done above, in the caption too
        column_format=f"ll{'r' * (len(table.columns) - 2)}",
        caption=escaped(own.caption),
        label=f"tab:fronts-{place}",
        position="t",
    )
