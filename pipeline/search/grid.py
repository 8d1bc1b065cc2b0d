"""The full grid: every combination, asked for at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.search.space import Candidate, Outcome, Range, Region, Space


def ask_grid(space: Space, outcomes: Sequence[Outcome]) -> Sequence[Candidate]:
    """Every combination of every region the first time, nothing afterwards. Raises ValueError for an open range."""
    return [] if outcomes else [candidate for region in space for candidate in _product(region)]


def _product(region: Region) -> Iterator[Candidate]:
    seen: set[str] = set()
    columns = [_values(key, dimension) for key, dimension in region.grid.items()]
    for values in itertools.product(*columns):
        knobs = {**region.fixed, **dict(zip(region.grid, values, strict=True))}
        kept = {key: value for key, value in knobs.items() if _holds(region, key, knobs)}
        if (written := repr(kept)) not in seen:
            seen.add(written)
            yield Candidate(region.group, kept)


def _values(key: str, dimension: tuple[Any, ...] | Range) -> Sequence[Any]:
    if not isinstance(dimension, Range):
        return dimension
    try:
        return dimension.values()
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _holds(region: Region, key: str, knobs: dict[str, Any]) -> bool:
    """Whether the key's conditions hold; a condition names one value or a list of them."""
    for other, wanted in region.when.get(key, {}).items():
        if knobs[other] not in (wanted if isinstance(wanted, (list, tuple)) else [wanted]):
            return False
    return True
