"""Laws of the bootstrap."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report import stats

outcomes = st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=1, max_size=30)
fast = settings(max_examples=60, deadline=None)


def interval(values, seed=0):
    return stats.mean_intervals(np.array([values]), stats.draw_counts(len(values), seed=seed))[0]


@fast
@given(outcomes)
def test_interval_holds_the_mean_of_the_scored(values):
    known = [value for value in values if not np.isnan(value)]
    found = interval(values)
    if not known:
        assert np.isnan(found).all()
        return
    assert np.isclose(found.estimate, np.mean(known), atol=1e-9)
    assert found.lo <= found.estimate <= found.hi
    assert min(known) - 1e-9 <= found.lo and found.hi <= max(known) + 1e-9


def test_same_seed_same_interval_other_seed_another():
    values = np.random.default_rng(1).random(40).tolist()
    assert interval(values) == interval(values)
    assert interval(values)[1:] != interval(values, seed=1)[1:]


def test_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    values_SN = (rng.random((400, 80)) < 0.7).astype(float)  # 400 settings of the same true mean
    hits = [found.lo <= 0.7 <= found.hi for found in stats.mean_intervals(values_SN, stats.draw_counts(80))]
    assert 0.90 <= np.mean(hits) <= 0.98


def test_paired_difference_sees_what_unpaired_intervals_cannot():
    rng = np.random.default_rng(0)
    hard = rng.random(100)
    first, second = hard + 0.02 + 0.01 * rng.random(100), hard
    paired = stats.paired_difference(first, second)
    assert paired.n == 100 and paired.difference.lo > 0
    assert interval(first.tolist()).lo < interval(second.tolist()).hi


def test_paired_difference_uses_common_examples_only():
    first, second = np.array([1.0, np.nan, 0.0, 1.0]), np.array([0.0, 1.0, np.nan, 1.0])
    paired = stats.paired_difference(first, second)
    assert paired.n == 2 and paired.difference.estimate == 0.5


def test_paired_difference_of_nothing_in_common_is_unknown():
    paired = stats.paired_difference(np.array([1.0, np.nan]), np.array([np.nan, 1.0]))
    assert paired.n == 0 and np.isnan(paired.difference).all() and paired.difference.covers_zero
