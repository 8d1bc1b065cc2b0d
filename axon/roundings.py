"""Of how many rows a product of matrices rounds each by itself: the narrowed last layer and joint passes rest on it."""

from __future__ import annotations

from functools import cache

import torch
from torch.nn.functional import linear

PANEL, PANELS = 4, 7  # rows, and so many of them
ALONE = PANEL * PANELS
# Of each sum of the trial, and its outputs: on an Intel Xeon shorter sums need fewer rows, most longer ones as many.
TERMS = 512


def rows_round_alone(rows: int) -> bool:
    """Whether a product in float32 rounds each of so many rows as one of more rows does.

    oneMKL hands rows to threads in panels, and takes other routines for what is left over: 1 to 3 rows with one thread,
    also 5 to 7 and 9 to 11 with 2 or 8, and 17 to 19 and 25 to 27 with 16 (2024.2, eight shapes up to 1536 x 512, AMD).
    On an Intel Xeon it has another routine for less than 16 rows, so that few whole panels are tried, once a process.
    A compiled network is its compiler's: there the trial would become a part of it.
    """
    if rows >= ALONE or rows % PANEL:
        return rows >= ALONE
    return torch.compiler.is_compiling() or rows in _tried(torch.get_num_threads())


def alone_from(rows: int) -> int:
    """The least number of rows from `rows` on that are rounded alone."""
    return next(number for number in range(rows, rows + ALONE + 1) if rows_round_alone(number))


@cache
def _tried(threads: int) -> frozenset[int]:
    """Which numbers of whole panels, fewer than `ALONE` rows, are rounded alone on this processor."""
    drawn = torch.Generator().manual_seed(0)
    states, weight = torch.randn(ALONE, TERMS, generator=drawn), torch.randn(TERMS, TERMS, generator=drawn)
    whole = linear(states, weight)
    numbers = range(0, ALONE, PANEL)
    return frozenset(rows for rows in numbers if torch.equal(linear(states[:rows], weight), whole[:rows]))
