"""The lines as texts, a cell each, the same for every format that is read by people."""

from __future__ import annotations

import pandas as pd

from pipeline.report.paper.lines import Line, Lines
from pipeline.report.words.phrases import bracketed, number

HEADINGS = ("Method", "Setting", "Accuracy (%)", "NFE", "TPF", "TPF to EOS", "Tokens/s", "Speed-up")
SPREAD, AFTER = "SD", 1 + HEADINGS.index("Accuracy (%)")


def cells(table: Lines) -> pd.DataFrame:
    found = pd.DataFrame([_cells(line) for line in table.lines], columns=list(HEADINGS))
    if any(line.seeds > 1 for line in table.lines):
        found.insert(AFTER, SPREAD, [number(line.seed_sd, 1) for line in table.lines])
    return found


def accuracy_text(line: Line) -> str:
    """`87.5 [73.9, 94.5]`"""
    return f"{line.accuracy.estimate:.1f}{bracketed(line.accuracy.lo, line.accuracy.hi, 1)}"


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.method,
        line.setting,
        accuracy_text(line),
        number(line.nfe, 1),
        number(line.tpf, 2),
        number(line.tpf_to_eos, 2),
        number(line.tokens_per_second, 1),
        f"{number(line.speed_up, 2)}x",
    )
