"""Laws of the front and its hypervolume."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report.statistics.pareto import (
    best_so_far,
    front_order,
    hypervolume,
    non_dominated,
    within,
)

REFERENCE = 20.0
# Few distinct values, so that ties and duplicates are common.
points_sets = st.lists(
    st.tuples(st.integers(0, 10).map(lambda q: q / 10), st.integers(1, 24).map(float)),
    min_size=1,
    max_size=12,
)
fast = settings(max_examples=150, deadline=None)


def split(points):
    quality, nfe = np.array(points, dtype=float).T
    return quality, nfe


def dominates(a, b):
    return a[0] >= b[0] and a[1] <= b[1] and a != b


@fast
@given(points_sets)
def test_front_is_exactly_the_points_nobody_dominates(points):
    expected = [not any(dominates(other, point) for other in points) for point in points]
    assert non_dominated(*split(points)).tolist() == expected


@fast
@given(points_sets, st.randoms(use_true_random=False))
def test_front_and_hypervolume_ignore_order_and_duplicates(points, random):
    shuffled = points + points[: len(points) // 2]
    random.shuffle(shuffled)

    def front(some):
        quality, nfe = split(some)
        return sorted({(quality[i], nfe[i]) for i in np.flatnonzero(non_dominated(quality, nfe))})

    assert front(points) == front(shuffled)
    assert hypervolume(*split(points), REFERENCE) == hypervolume(*split(shuffled), REFERENCE)


@fast
@given(points_sets)
def test_front_order_rises_in_both(points):
    quality, nfe = split(points)
    order = front_order(quality, nfe)
    assert (np.diff(nfe[order]) > 0).all() and (np.diff(quality[order]) > 0).all()


@fast
@given(points_sets)
def test_hypervolume_is_the_covered_area_by_brute_force(points):
    # NFE are whole and qualities tenths: count the unit cells that some point covers.
    covered = sum(
        any(q * 10 > row and n <= column for q, n in points)
        for column in range(int(REFERENCE))
        for row in range(10)
    )
    assert np.isclose(hypervolume(*split(points), REFERENCE), covered / (10 * REFERENCE))


@fast
@given(points_sets, points_sets)
def test_hypervolume_never_falls_when_points_are_added(points, more):
    alone = hypervolume(*split(points), REFERENCE)
    assert alone <= hypervolume(*split(points + more), REFERENCE) + 1e-12
    assert 0 <= alone <= 1


@fast
@given(st.lists(points_sets.map(lambda points: (points * 12)[:12]), min_size=1, max_size=4))
def test_replicates_together_are_replicates_one_by_one(replicates):
    quality_BK, nfe_BK = (np.array(rows) for rows in zip(*map(split, replicates), strict=True))
    fronts_BK, areas_B = non_dominated(quality_BK, nfe_BK), hypervolume(quality_BK, nfe_BK, REFERENCE)
    for row, (quality, nfe) in enumerate(zip(quality_BK, nfe_BK, strict=True)):
        assert (fronts_BK[row] == non_dominated(quality, nfe)).all()
        assert areas_B[row] == hypervolume(quality, nfe, REFERENCE)


@fast
@given(points_sets, st.integers(0, 25))
def test_best_within_a_budget(points, budget):
    quality, nfe = split(points)
    rising, best, index = best_so_far(quality[None], nfe[None])
    assert (best == quality[index]).all()
    [found] = within(np.array([float(budget)]), rising, best)
    assert found == max((q for q, n in points if n <= budget), default=0.0)


def test_unscored_points_are_on_no_front():
    quality, nfe = np.array([np.nan, 0.5]), np.array([1.0, np.nan])
    assert not non_dominated(quality, nfe).any()
    assert hypervolume(quality, nfe, REFERENCE) == 0
    assert hypervolume(np.array([]), np.array([]), REFERENCE) == 0
