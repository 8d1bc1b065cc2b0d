"""`Score | TPF` cells, a column per task, as the model cards of LLaDA2 have them; Markdown.

A row is a setting that is on its front on some task, with its figures on all. TPF is over the whole canvas.
Source: the cards of inclusionAI/LLaDA2.1-mini and LLaDA2.1-flash.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pipeline.report.data.labels import NO_VALUE
from pipeline.report.paper.lines import Line, Lines
from pipeline.report.paper.markdown import escaped, pipe_table
from pipeline.report.words.phrases import number


def score_tpf(tables: Sequence[Lines]) -> str:
    tasks = list(dict.fromkeys(own.task for own in tables))
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for own in tables:
        for line in own.lines:
            rows.setdefault(_name(own, line), {})[own.task] = _cell(line)
    for own in tables:
        for line in own.behind:
            if (found := rows.get(_name(own, line))) is not None:
                found[own.task] = _cell(line)
    table = pd.DataFrame(
        [
            (model, f"{method} {setting}".rstrip(), *(found.get(task, NO_VALUE) for task in tasks))
            for (model, method, setting), found in rows.items()
        ],
        columns=["Model", "Method", *(f"{task} (Score | TPF)" for task in tasks)],
    )
    return f"{pipe_table(table)}\n\n" + "\n".join(f"{escaped(own.caption)}\n" for own in tables)


def _name(own: Lines, line: Line) -> tuple[str, str, str]:
    return own.model, line.method, line.setting


def _cell(line: Line) -> str:
    return f"{line.accuracy.estimate:.1f} | {number(line.tpf, 2)}"
