"""Means over examples under the bootstrap's counts, in blocks of replicates and in as few digits as lose nothing.

4,000 replicates of 20,000 settings are 640 MB of one measure, and what looks for their fronts needs ten times that. So
nobody keeps them: who reads them draws them block by block and keeps what it is after. Whole numbers, as nearly all
outcomes are (a score of 0 or 1, steps, positions, tokens), are added up in float32 where every sum is one that float32
holds exactly: the same means in half the time.

Shapes: S settings, N examples, B replicates, b of a block, F settings asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.float32]  # how often each replicate drew each example; or Floats
Rows = Any  # what indexes the settings: an array, or a slice

BLOCK = 2**21  # numbers of one array of a block: 16 MB
EXACT = 2**24  # up to it float32 holds every whole number


@dataclass(frozen=True)
class Outcomes:
    """Of one measure, settings by examples; 0 where a setting has none."""

    filled_SN: NDArray[Any]  # float32 where that holds them exactly
    most: float  # the largest, where all are whole numbers; else inf
    partly_S: NDArray[np.bool_]  # settings that lack some,
    scored_PN: Counts  # and what these have: 1 or 0

    def of(self, rows: Rows) -> Outcomes:
        scored_PN = self.scored_PN
        if self.partly_S.any():
            place_S = np.cumsum(self.partly_S) - 1
            scored_PN = scored_PN[place_S[rows][self.partly_S[rows]]]
        return Outcomes(self.filled_SN[rows], self.most, self.partly_S[rows], scored_PN)

    def sums(self, counts_BN: NDArray[Any]) -> tuple[Floats, Floats]:
        """The outcomes drawn added up, and how many they are: (B, S), and (B, S) or where none lacks any (B, 1)."""
        # As a product, which is ten times as fast as adding up short rows; whole numbers, so that it is exact.
        drawn_B1 = (counts_BN @ np.ones((counts_BN.shape[1], 1), counts_BN.dtype)).astype(np.float64)
        if self.most * drawn_B1.max(initial=0.0) > EXACT:
            totals = counts_BN.astype(np.float64) @ self.filled_SN.T.astype(np.float64)
        else:
            totals = (counts_BN @ self.filled_SN.T).astype(np.float64)
        if not self.partly_S.any():
            return totals, drawn_B1
        sizes = np.repeat(drawn_B1, len(self.partly_S), axis=1)
        sizes[:, self.partly_S] = counts_BN @ self.scored_PN.T
        return totals, sizes


def outcomes(values_SN: Floats) -> Outcomes:
    """NaN: none."""
    scored_SN = ~np.isnan(values_SN)
    filled_SN = np.where(scored_SN, values_SN, 0.0)
    partly_S = np.asarray(~scored_SN.all(axis=1))
    most = float(np.abs(filled_SN).max(initial=0.0))
    whole = most <= EXACT and np.array_equal(filled_SN, np.rint(filled_SN))
    return Outcomes(
        filled_SN.astype(np.float32) if whole else filled_SN,
        most if whole else np.inf,
        partly_S,
        scored_SN[partly_S].astype(np.float32),
    )


def ratio(totals: Floats, sizes: Floats) -> Floats:
    """NaN where there is nothing to divide by.

    Equal outcomes must give equal means whatever the order of summation, so that ties on a front are real ties.
    """
    found = np.divide(totals, sizes, out=np.full(totals.shape, np.nan), where=sizes > 0)
    rounded: Floats = np.round(found, 12, out=found)
    return rounded


def blocks(counts_BN: NDArray[Any], width: int) -> Iterator[NDArray[Any]]:
    """The counts of so many replicates at once that an array of `width` numbers each isn't larger than BLOCK."""
    size = max(BLOCK // max(width, 1), 1)
    for start in range(0, len(counts_BN), size):
        yield counts_BN[start : start + size]
