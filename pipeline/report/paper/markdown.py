"""Markdown tables, as GitHub and model cards show them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from pipeline.report.paper.cells import cells
from pipeline.report.paper.lines import Lines

SPECIAL = re.compile(r"([\\|`*_<>\[\]])")


def markdown(tables: Sequence[Lines]) -> str:
    return "\n".join(
        f"### {escaped(own.facet)}\n\n{pipe_table(cells(own))}\n\n{escaped(own.caption)}\n" for own in tables
    )


def pipe_table(table: pd.DataFrame) -> str:
    """Texts in the first two columns, numbers in the others; `|` and all that Markdown would read is escaped."""
    rule = ["---" if place < 2 else "---:" for place in range(len(table.columns))]
    rows = [map(escaped, table.columns), rule, *(map(escaped, own) for own in table.itertuples(index=False))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)
