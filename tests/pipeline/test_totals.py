"""Sums that add up: those of parts are those of the whole, and give its means and intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.record import Record, to_table
from pipeline.report.stats import wilson_interval
from pipeline.totals import Totals, stored_totals, totals_of

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
    found = totals_of([Record("a", "t", "e", 0, nfe=4, score=0.5), Record("a", "t", "f", 1, error="no")])
    assert found == Totals(2, 1, 0.5, 0.25, 4.0, 16.0)


@given(st.lists(SCORED, min_size=2, max_size=40))
def test_means_and_intervals_are_those_of_the_examples(outcomes: list[tuple[float, int]]) -> None:
    said = totals_of(records(list(outcomes))).summary()
    score, nfe = np.array([o[0] for o in outcomes]), np.array([float(o[1]) for o in outcomes])
    assert said["examples"] == said["scored"] == len(outcomes)
    assert said["quality"] == pytest.approx(score.mean()) and said["nfe"] == pytest.approx(nfe.mean())
    assert (said["nfe_lo"], said["nfe_hi"]) == pytest.approx(t_interval(nfe), abs=1e-6)
    if set(score) <= {0.0, 1.0}:
        expected = wilson_interval(int(score.sum()), len(score))
        assert (said["quality_lo"], said["quality_hi"]) == pytest.approx((expected.lo, expected.hi))
    else:
        lo, hi = t_interval(score)
        assert (said["quality_lo"], said["quality_hi"]) == pytest.approx((max(0, lo), min(1, hi)), abs=1e-6)


def t_interval(values: np.ndarray) -> tuple[float, float]:
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return values.mean() - half, values.mean() + half


def test_what_too_few_examples_cannot_tell_is_left_open() -> None:
    assert set(Totals(3).summary().values()) == {3, 0, None}
    one = totals_of(records([(1.0, 8)])).summary()
    assert one["nfe"] == 8 and one["nfe_lo"] is None and one["nfe_hi"] is None
    assert math.isclose(one["quality_lo"] or 0, 0.2065, abs_tol=1e-4) and one["quality_hi"] == 1.0
