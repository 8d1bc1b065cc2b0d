"""Laws of max-T, of Holm and of simultaneous intervals: decision and interval agree, together they keep their level."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report.statistics.multiplicity import holm_alphas, holm_p, max_t, simultaneous_percentiles

fast = settings(max_examples=80, deadline=None)


def drawn(estimates, spread=1.0, size=2000, seed=0):
    """Replicates of independent variants around their estimates."""
    return np.array(estimates) + spread * np.random.default_rng(seed).normal(size=(size, len(estimates)))


def covers_zero(interval):
    return not (interval.lo > 0 or interval.hi < 0)  # without ends, too


def test_one_variant_has_about_the_normal_interval():
    (found,) = max_t(np.array([0.5]), drawn([0.5]), 1e-9).intervals(0.05)
    assert found.estimate == 0.5 and found.hi - 0.5 == pytest.approx(1.96, abs=0.1)


def test_ten_variants_take_sidaks_value_and_ten_equal_ones_that_of_one():
    ten = max_t(np.zeros(10), drawn([0.0] * 10, size=8000), 1e-9).critical(0.05)
    assert ten == pytest.approx(2.80, abs=0.08)  # normal quantile at 1 - (1 - 0.95 ** 0.1) / 2
    one = drawn([0.0], size=8000)
    equal = max_t(np.zeros(10), np.repeat(one, 10, axis=1), 1e-9)
    assert equal.critical(0.05) == max_t(np.zeros(1), one, 1e-9).critical(0.05)


@fast
@given(st.lists(st.floats(-4, 4), min_size=1, max_size=4), st.sampled_from([0.05, 0.025, 0.01, 0.001]))
def test_the_p_value_decides_as_the_intervals_do(estimates, alpha):
    found = max_t(np.array(estimates), drawn(estimates, size=500), 1e-9)
    assert (found.p <= alpha) == any(not covers_zero(interval) for interval in found.intervals(alpha))


@fast
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=4), st.integers(0, 3))
def test_turning_signs_turns_intervals_and_a_repeated_variant_changes_none(estimates, which):
    values, replicates = np.array(estimates), drawn(estimates, size=300)
    found = max_t(values, replicates, 0.01).intervals(0.05)
    turned = max_t(-values, -replicates, 0.01).intervals(0.05)
    assert np.allclose([(-i.hi, -i.lo) for i in turned], [(i.lo, i.hi) for i in found])
    again = which % len(estimates)
    more = max_t(np.append(values, values[again]), np.column_stack([replicates, replicates[:, again]]), 0.01)
    assert np.allclose(more.intervals(0.05)[:-1], found)


@pytest.mark.parametrize("estimate", [0.0, 0.015])
def test_where_nothing_varies_nothing_is_certain(estimate):
    found = max_t(np.array([estimate]), np.full((500, 1), estimate), least_spread=0.01)
    (interval,) = found.intervals(0.05)
    assert covers_zero(interval) and interval.hi - interval.lo == pytest.approx(2 * 1.96 * 0.01, rel=0.01)
    assert found.p > 0.05


def test_holm_is_as_in_the_book():
    assert holm_alphas([0.01, 0.04, 0.03], 0.05) == [0.05 / 3, 0.025, 0.025]  # stopped at the second
    assert holm_alphas([0.01, 0.02, 0.03], 0.05) == [0.05 / 3, 0.025, 0.05]
    assert holm_alphas([0.5], 0.05) == [0.05] and holm_alphas([], 0.05) == []
    assert holm_p([0.02, 0.03, 0.04]) == [0.06, 0.06, 0.06] and holm_p([0.5, 0.7]) == [1.0, 1.0]


@fast
@given(st.lists(st.floats(1e-6, 0.2), min_size=1, max_size=8), st.floats(0.001, 0.5))
def test_an_adjusted_p_is_the_smallest_level_at_which_holm_rejects(p, alpha):
    """Above that level it does, below it doesn't; and a smaller p never has the larger adjusted one."""
    adjusted = holm_p(p)
    for place, own in enumerate(adjusted):
        if abs(own - alpha) > 1e-9:
            assert (own < alpha) == (p[place] <= holm_alphas(p, alpha)[place])
    assert [adjusted[place] for place in np.argsort(p, kind="stable")] == sorted(adjusted)


@fast
@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=8))
def test_holm_rejects_a_p_exactly_where_it_is_at_most_its_level(p):
    levels = holm_alphas(p, 0.05)
    order = np.argsort(p, kind="stable")
    going = True
    for rank, place in enumerate(order):
        going = going and p[place] <= 0.05 / (len(p) - rank)
        assert (p[place] <= levels[place]) == going and 0.05 / len(p) <= levels[place] <= 0.05


def test_simultaneous_percentiles_hold_together():
    replicates = drawn([0.0] * 5, size=20_000)
    found = simultaneous_percentiles(np.zeros(5), replicates, 0.05)
    inside = np.all(
        [(i.lo <= replicates[:, v]) & (replicates[:, v] <= i.hi) for v, i in enumerate(found)], axis=0
    )
    assert inside.mean() == pytest.approx(0.95, abs=0.005)
    (alone,) = simultaneous_percentiles(np.zeros(1), replicates[:, :1], 0.05)
    assert np.allclose(alone[1:], np.quantile(replicates[:, 0], [0.025, 0.975]), atol=0.01)
    assert found[0].lo < alone.lo and found[0].hi > alone.hi


def test_replicates_that_all_agree_tell_no_interval():
    replicates = np.stack([np.full(1000, 0.25), np.random.default_rng(0).normal(size=1000)], axis=1)
    silent, told = simultaneous_percentiles(np.array([0.25, 0.0]), replicates, 0.05)
    assert silent.estimate == 0.25 and np.isnan(silent[1:]).all() and told.lo < 0 < told.hi


def test_replicates_that_drew_nothing_are_left_out():
    replicates = drawn([0.0, 0.0], size=400)
    holes = np.concatenate([replicates, [[np.nan, 1.0]] * 5])
    assert max_t(np.zeros(2), holes, 0.1).critical(0.05) == max_t(np.zeros(2), replicates, 0.1).critical(0.05)
    assert simultaneous_percentiles(np.zeros(2), holes, 0.1) == simultaneous_percentiles(
        np.zeros(2), replicates, 0.1
    )
