"""The full grid: every combination, asked for at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.search.space import Candidate, Outcome, Range, Region, Space, existing

MOST = 100_000  # settings that a region may ask for at once: more would take hours to compose and to look up


def ask_grid(space: Space, outcomes: Sequence[Outcome]) -> Sequence[Candidate]:
    """Every combination of every region the first time, nothing afterwards. Raises ValueError for what has no grid."""
    if outcomes:
        return []
    candidates = [candidate for region in space for candidate in combinations(region)]
    # A key that doesn't exist under some value of another leaves equal combinations, which are asked for once.
    return list({repr(candidate): candidate for candidate in candidates}.values())


def combinations(region: Region) -> Iterator[Candidate]:
    """Every combination of the region's keys; equal ones where a key doesn't exist under another's value.

    Raises ValueError, before any is made, for an open range and for more than MOST.
    """
    numbers = [len(d) if isinstance(d, tuple) else d.num or 1 for d in region.grid.values()]
    if (number := math.prod(numbers)) > MOST:
        rule = f"combines {number:,} settings of {' x '.join(region.grid)}, at most {MOST:,}"
        raise ValueError(f"groups.{region.group}: {rule}; give fewer values, or choose search=optuna")
    columns = [_values(key, dimension) for key, dimension in region.grid.items()]
    for values in itertools.product(*columns):
        knobs = {**region.fixed, **dict(zip(region.grid, values, strict=True))}
        yield Candidate(region.group, existing(knobs, region.when))


def _values(key: str, dimension: tuple[Any, ...] | Range) -> Sequence[Any]:
    if not isinstance(dimension, Range):
        return dimension
    try:
        return dimension.values()
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
