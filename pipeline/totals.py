"""Sums over the records of a setting, from which a running job tells quality and NFE with their intervals.

Sums of parts add up to the sums of the whole, so what is stored and what comes later merge exactly, without the
records. Scores that are all 0 or 1 get Wilson's interval (JASA 22, 1927, 209), everything else a t interval from the
sum and the sum of squares. Both hold at 95 %. The report has its own, sharper ones (report/stats.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from statistics import NormalDist
from typing import Any

import pandas as pd
from scipy.special import stdtrit

from pipeline.record import Record

LEVEL = 0.95
TAIL = (1 + LEVEL) / 2
Z = NormalDist().inv_cdf(TAIL)


@dataclass(frozen=True)
class Totals:
    """Sums over some examples of one setting; all but `examples` over the scored ones."""

    examples: int = 0
    scored: int = 0
    score: float = 0.0
    score_squares: float = 0.0
    nfe: float = 0.0
    nfe_squares: float = 0.0

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(own + more for own, more in zip(astuple(self), astuple(other), strict=True)))

    @property
    def quality(self) -> float | None:
        return self.score / self.scored if self.scored else None

    @property
    def mean_nfe(self) -> float | None:
        return self.nfe / self.scored if self.scored else None

    def summary(self) -> dict[str, float | int | None]:
        """What Ray Tune is told of a trial. None where there are too few examples to tell."""
        quality_lo, quality_hi = self._quality_interval()
        nfe_lo, nfe_hi = _t_interval(self.scored, self.nfe, self.nfe_squares)
        return {
            "examples": self.examples,
            "scored": self.scored,
            "quality": self.quality,
            "quality_lo": quality_lo,
            "quality_hi": quality_hi,
            "nfe": self.mean_nfe,
            "nfe_lo": nfe_lo,
            "nfe_hi": nfe_hi,
        }

    def _quality_interval(self) -> tuple[float | None, float | None]:
        if self.score == self.score_squares:  # of numbers from 0 to 1 that holds for 0 and 1 alone
            return _wilson(self.scored, self.score)
        lo, hi = _t_interval(self.scored, self.score, self.score_squares)
        return (None if lo is None else max(0.0, lo)), (None if hi is None else min(1.0, hi))


def totals_of(records: Iterable[Record]) -> Totals:
    total = Totals()
    for record in records:
        if record.score is None or record.nfe is None:
            total += Totals(examples=1)
        else:
            score, nfe = record.score, float(record.nfe)
            total += Totals(1, 1, score, score**2, nfe, nfe**2)
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
            "score_squares": score**2,
            "nfe": nfe,
            "nfe_squares": nfe**2,
        }
    )
    rows: Any = sums.groupby("setting_id").sum().itertuples()
    return {str(sid): Totals(int(examples), int(n), *parts) for sid, examples, n, *parts in rows}


def _wilson(n: int, right: float) -> tuple[float | None, float | None]:
    if not n:
        return None, None
    share, weight = right / n, Z**2 / n
    middle = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _t_interval(n: int, total: float, squares: float) -> tuple[float | None, float | None]:
    """Of a mean, from the sum and the sum of squares of n values."""
    if n < 2:
        return None, None
    mean = total / n
    variance = max(0.0, squares - total * mean) / (n - 1)
    half = float(stdtrit(n - 1, TAIL)) * math.sqrt(variance / n)
    return mean - half, mean + half
