"""Laws of what a setting still lacks: every example once, none that is there, in slices that keep to the grid."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.storage.span import Span, missing

SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 20)).map(lambda own: (own[0], own[0] + own[1])))


@given(SPANS, st.integers(0, 50), st.integers(1, 12))
@example([(0, 10), (2, 5)], 12, 4)  # a slice within another, as where two sweeps' sizes differ
def test_what_is_asked_for_is_what_is_not_there(covered: list[Span], limit: int, size: int) -> None:
    slices = missing(covered, limit, size)
    asked = [position for start, stop in slices for position in range(start, stop)]
    there = {position for start, stop in covered for position in range(start, stop)}
    assert asked == [position for position in range(limit) if position not in there]
    for start, stop in slices:
        assert start < stop and start // size == (stop - 1) // size
