"""Sums over the records of a setting, from which a running job tells quality and NFE.

Sums of parts add up to the sums of the whole, so what is stored and what comes later merge exactly, without the
records. Intervals are the report's (report/statistics/stats.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

import pandas as pd

from pipeline.storage.record import Record


@dataclass(frozen=True)
class Totals:
    """Sums over some examples of one setting; all but `examples` over the scored ones."""

    examples: int = 0
    scored: int = 0
    score: float = 0.0
    nfe: float = 0.0

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(own + more for own, more in zip(astuple(self), astuple(other), strict=True)))

    @property
    def quality(self) -> float | None:
        return self.score / self.scored if self.scored else None

    @property
    def mean_nfe(self) -> float | None:
        return self.nfe / self.scored if self.scored else None


def totals_of(records: Iterable[Record]) -> Totals:
    total = Totals()
    for record in records:
        if record.score is None or record.nfe is None:
            total += Totals(examples=1)
        else:
            total += Totals(1, 1, record.score, float(record.nfe))
    return total


def stored_totals(records: pd.DataFrame) -> dict[str, Totals]:
    """What the store holds, by setting."""
    scored = records["score"].notna() & records["nfe"].notna()
    score, nfe = records["score"].where(scored).astype(float), records["nfe"].where(scored).astype(float)
    sums = pd.DataFrame(
        {
            "setting_id": records["setting_id"],
            "examples": 1,
            "scored": scored.astype(int),
            "score": score,
            "nfe": nfe,
        }
    )
    rows: Any = sums.groupby("setting_id", observed=True).sum().itertuples()
    return {str(sid): Totals(int(examples), int(n), *parts) for sid, examples, n, *parts in rows}
