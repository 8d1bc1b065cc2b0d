"""Sums over the records of a setting, from which a running job shows quality and NFE."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.record import Record


@dataclass(frozen=True)
class Totals:
    """Sums over some examples of one setting."""

    examples: int = 0
    scored: int = 0
    score: float = 0.0
    nfe: float = 0.0

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.examples + other.examples,
            self.scored + other.scored,
            self.score + other.score,
            self.nfe + other.nfe,
        )


def totals_of(records: Iterable[Record]) -> Totals:
    total = Totals()
    for record in records:
        scored = record.score is not None and record.nfe is not None
        total += Totals(
            1, int(scored), (record.score or 0.0) if scored else 0.0, (record.nfe or 0) if scored else 0.0
        )
    return total


def stored_totals(records: pd.DataFrame) -> dict[str, Totals]:
    """What the store already holds, by setting."""
    scored = records["score"].notna() & records["nfe"].notna()
    sums = records.assign(
        scored=scored, score=records["score"].where(scored), nfe=records["nfe"].where(scored)
    )
    sums = sums.groupby("setting_id").agg(
        examples=("position", "size"), scored=("scored", "sum"), score=("score", "sum"), nfe=("nfe", "sum")
    )
    rows: list[dict[str, Any]] = [{str(k): v for k, v in row.items()} for row in sums.to_dict("records")]
    return {
        str(sid): Totals(int(row["examples"]), int(row["scored"]), float(row["score"]), float(row["nfe"]))
        for sid, row in zip(sums.index, rows, strict=True)
    }
