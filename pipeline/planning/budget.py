"""What a sweep has spent, by the records of its settings, and whether that is all it may spend.

A function of the store: results that other sweeps left there count too, so that the same command with a larger budget
goes on where it ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.inputs.config import BudgetSettings

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Spent:
    """`calls` of the model, row by row, and `hours` in which workers decoded."""

    calls: int = 0
    hours: float = 0.0


def spent(records: pd.DataFrame) -> dict[str, Spent]:
    """By setting id. `records`: as of `Store.outcomes`. What repeats another setting's decode has cost nothing."""
    made = records[records["seconds"].notna()].astype({"seconds": "float64"})
    sums = made.groupby("setting_id", observed=True)[["nfe", "seconds"]].sum()
    rows: Any = sums.itertuples()
    return {str(sid): Spent(int(nfe), seconds / SECONDS_PER_HOUR) for sid, nfe, seconds in rows}


def exhausted(budget: BudgetSettings, all_spent: Iterable[Spent]) -> str | None:
    """A line if nothing more may be spent."""
    own = list(all_spent)
    calls, hours = sum(one.calls for one in own), sum(one.hours for one in own)
    if budget.model_calls is not None and calls >= budget.model_calls:
        return f"budget.model_calls={budget.model_calls}: spent ({calls:,} calls)"
    if budget.hours is not None and hours >= budget.hours:
        return f"budget.hours={budget.hours:g}: spent ({hours:.2f} hours)"
    return None
