"""Sums that add up: those of parts are those of the whole, and give its means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage.record import Record, to_table
from pipeline.storage.totals import Totals, stored_totals, totals_of

SCORED = st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(1, 64))
OUTCOMES = st.lists(st.one_of(st.none(), SCORED), max_size=40)


def records(outcomes: list[tuple[float, int] | None]) -> list[Record]:
    return [
        Record("a", "t", f"e{n}", n, error="no")
        if o is None
        else Record("a", "t", f"e{n}", n, score=o[0], nfe=o[1])
        for n, o in enumerate(outcomes)
    ]


@given(OUTCOMES, st.integers(0, 40))
def test_totals_of_parts_add_up_to_those_of_the_whole_and_of_the_store(
    outcomes: list[tuple[float, int] | None], at: int
) -> None:
    whole = records(outcomes)
    assert totals_of(whole[:at]) + totals_of(whole[at:]) == totals_of(whole)
    assert stored_totals(to_table(whole).to_pandas()) == ({"a": totals_of(whole)} if whole else {})


def test_unscored_examples_count_as_examples_only() -> None:
    uncounted = Record("a", "t", "g", 2, score=1.0)  # imported without NFE
    found = totals_of(
        [Record("a", "t", "e", 0, nfe=4, score=0.5), Record("a", "t", "f", 1, error="no"), uncounted]
    )
    assert found == Totals(3, 1, 0.5, 4.0)


@given(st.lists(SCORED, min_size=1, max_size=40))
def test_means_are_those_of_the_examples(outcomes: list[tuple[float, int]]) -> None:
    found = totals_of(records(list(outcomes)))
    assert found.quality == pytest.approx(np.mean([score for score, _ in outcomes]))
    assert found.mean_nfe == pytest.approx(np.mean([nfe for _, nfe in outcomes]))
    assert Totals(3).quality is None and Totals(3).mean_nfe is None
