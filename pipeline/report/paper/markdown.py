"""Markdown tables, as GitHub and model cards show them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pandas as pd

from pipeline.report.paper.cells import cells
from pipeline.report.paper.lines import Lines
from pipeline.report.words.matched_table import TITLE

SPECIAL = re.compile(r"([\\|`*_<>\[\]])")


def markdown(tables: Sequence[Lines]) -> str:
    return "\n".join(part for own in tables for part in _parts(own))


def _parts(own: Lines) -> Iterator[str]:
    yield _part(own.facet, pipe_table(cells(own)), own.caption)
    for texts in own.matched:
        yield _part(f"{own.facet}: {TITLE}, {texts.pair}", pipe_table(texts.table, texts=0), texts.caption)


def _part(heading: str, table: str, caption: str) -> str:
    return f"### {escaped(heading)}\n\n{table}\n\n{escaped(caption)}\n"


def pipe_table(table: pd.DataFrame, texts: int = 2) -> str:
    """Texts in the first columns, numbers in the others; `|` and all that Markdown would read is escaped."""
    rule = ["---" if place < texts else "---:" for place in range(len(table.columns))]
    rows = [map(escaped, table.columns), rule, *(map(escaped, own) for own in table.itertuples(index=False))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)
