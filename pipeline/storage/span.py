"""Spans of examples: which a slice holds, and which a setting still lacks."""

from __future__ import annotations

from collections.abc import Iterable

Span = tuple[int, int]  # examples start <= position < stop


def missing(covered: Iterable[Span], limit: int, size: int) -> list[Span]:
    """The slices of at most `size` examples still needed to cover 0..limit-1.

    Slices start at multiples of `size` where possible: an interrupted sweep asks for exactly the files it lacked.
    """
    slices: list[Span] = []
    end = 0  # covered up to here, or asked for
    for start, stop in [*sorted(covered), (limit, limit)]:
        while end < min(start, limit):
            begin, end = end, min(start, limit, (end // size + 1) * size)
            slices.append((begin, end))
        end = max(end, stop)
    return slices
