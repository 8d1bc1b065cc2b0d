"""Laws of the line through a side's settings: its exact mean height, and where it reaches a quality."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report.statistics.fronts import (
    by_rising_nfe,
    first_reach,
    gain_at_settings,
    mean_height,
    reach_or_highest,
)
from pipeline.report.statistics.mixes import corners

fast = settings(max_examples=80, deadline=None)
# Few distinct values, so that ties, in either, are common.
knots = st.lists(
    st.tuples(st.integers(0, 10).map(lambda q: q / 10), st.integers(1, 24).map(float)), min_size=1, max_size=8
)
ranges = st.tuples(st.integers(0, 20), st.integers(1, 10)).map(lambda own: (float(own[0]), float(sum(own))))


def split(points):
    quality, nfe = np.array(points, dtype=float).T
    return by_rising_nfe(quality[None], nfe[None])


def height(points, lo, hi):
    return float(mean_height(split(points), lo, hi)[0])


@fast
@given(knots, ranges)
def test_height_is_what_a_fine_sum_finds(points, budgets):
    ordered = sorted(points, key=lambda own: (own[1], own[0]))
    middles = np.linspace(*budgets, 200_001)
    middles = (middles[1:] + middles[:-1]) / 2  # never on a knot, where a line may jump
    brute = np.interp(middles, [n for _, n in ordered], [q for q, _ in ordered]).mean()
    assert abs(height(points, *budgets) - brute) < 1e-4


@fast
@given(knots, ranges, st.randoms(use_true_random=False))
def test_order_and_repeated_settings_do_not_matter(points, budgets, random):
    shuffled = points + points[: len(points) // 2]
    random.shuffle(shuffled)
    assert np.isclose(height(points, *budgets), height(shuffled, *budgets))


@fast
@given(knots, knots, ranges)
def test_swapping_the_sides_turns_the_difference_round_and_scaling_scales_it(first, second, budgets):
    difference = height(first, *budgets) - height(second, *budgets)
    assert np.isclose(difference, -(height(second, *budgets) - height(first, *budgets)))
    halves = [[(q / 2, n) for q, n in own] for own in (first, second)]
    assert np.isclose(height(halves[0], *budgets) - height(halves[1], *budgets), difference / 2)
    wider = [(q, 3 * n) for q, n in first]
    assert np.isclose(height(wider, 3 * budgets[0], 3 * budgets[1]), height(first, *budgets))


@fast
@given(knots, ranges)
def test_beyond_its_slowest_setting_a_line_stays_where_it_is(points, budgets):
    slowest = max(n for _, n in points)
    last = max(q for q, n in points if n == slowest)
    assert np.isclose(height(points, slowest, slowest + 5), last)
    assert np.isclose(height([*points, (last, slowest + 7)], *budgets), height(points, *budgets))


@fast
@given(st.lists(knots, min_size=2, max_size=4), ranges)
def test_replicates_do_not_see_each_other_and_holes_are_left_out(rows, budgets):
    width = max(len(points) for points in rows)
    padded = [[*points, *[(np.nan, 3.0), (0.5, np.nan)][: width - len(points)]] for points in rows]
    padded = [[*points, *[(np.nan, np.nan)] * (width - len(points))] for points in padded]
    quality, nfe = np.moveaxis(np.array(padded, dtype=float), -1, 0)
    together = mean_height(by_rising_nfe(quality, nfe), *budgets)
    assert np.allclose(together, [height(points, *budgets) for points in rows])
    found = corners(quality, nfe)
    for place, points in enumerate(rows):
        own = (np.take_along_axis(values, found, axis=1)[place] for values in (quality, nfe))
        assert np.allclose(mixed(points, 7.0), np.interp(7.0, *reversed(list(own))))
    assert np.isnan(mean_height(by_rising_nfe(np.full((1, 2), np.nan), np.ones((1, 2))), 0.0, 1.0)).all()


@fast
@given(knots, st.integers(0, 10).map(lambda q: q / 10))
def test_a_line_reaches_a_quality_first_where_it_is_as_high_and_never_before(points, level):
    found = float(first_reach(split(points), np.array([level]))[0])
    ordered = sorted(points, key=lambda own: (own[1], own[0]))
    nfe, quality = [n for _, n in ordered], [q for q, _ in ordered]
    if max(quality) < level:
        assert found == np.inf
        return
    assert nfe[0] <= found <= nfe[-1]
    before = np.linspace(nfe[0], found, 50, endpoint=False)
    assert found == nfe[0] or (np.interp(before, nfe, quality) < level + 1e-9).all()
    around = np.interp([np.nextafter(found, 0), found, np.nextafter(found, 99)], nfe, quality)
    assert around.min() - 1e-9 <= level <= around.max() + 1e-9 or found == nfe[0]


def test_a_line_between_two_settings_is_their_mixture():
    points = [(0.9, 20.0), (0.5, 10.0)]
    assert np.isclose(height(points, 10, 20), 0.7) and np.isclose(height(points, 20, 30), 0.9)
    assert np.isclose(first_reach(split(points), np.array([0.6]))[0], 12.5)


def mixed(points, nfe):
    quality, cost = split(points)
    (own,) = corners(quality, cost)
    return np.interp(nfe, cost[0, own], quality[0, own])


@fast
@given(knots, st.floats(0, 1))
def test_mixes_reach_every_setting_and_every_mix_of_two_and_no_more(points, first):
    for quality, nfe in points:
        assert mixed(points, nfe) >= quality - 1e-9
    lowest = min(n for _, n in points)
    budget = lowest + first * (max(n for _, n in points) - lowest)
    pairs = [(a, b) for a in points for b in points if a[1] <= budget <= b[1]]
    best = max(
        np.interp(budget, [a[1], b[1]], [a[0], b[0]]) if a[1] < b[1] else max(a[0], b[0]) for a, b in pairs
    )
    # More steps than a setting takes are never needed.
    best = max(best, *(q for q, n in points if n <= budget))
    assert np.isclose(mixed(points, budget), best)


@fast
@given(knots, knots, st.floats(1, 24))
def test_one_more_setting_never_lowers_mixes(points, more, nfe):
    if nfe >= min(n for _, n in points):
        assert mixed(points + more, nfe) >= mixed(points, nfe) - 1e-9


def test_a_line_that_never_gets_there_counts_where_it_is_highest():
    """It may fall from there: mixes chosen in a replicate, by what their settings score in the sample."""
    line = np.array([[0.3, 0.6, 0.5]]), np.array([[1.0, 2.0, 3.0]])
    assert [reach_or_highest(line, np.array([level])).item() for level in (0.45, 0.9)] == [1.5, 2.0]


places = st.lists(st.integers(0, 20), min_size=2, max_size=7, unique=True).map(sorted)


@fast
@given(places, places, st.sampled_from([1.0, 0.5, 0.2]))
def test_of_two_lines_on_one_concave_curve_neither_lies_lower_at_its_own_settings(own, other, bend):
    """Whatever places along it they are measured at: that is why a verdict asks for it."""
    lines = [split([((place / 20) ** bend, float(place)) for place in line]) for line in (own, other)]
    lo, hi = (float(pick(line[1][0, end] for line in lines)) for pick, end in ((max, 0), (max, -1)))
    if lo < hi:
        for first, second in (lines, lines[::-1]):
            gain = gain_at_settings(first, second, lo, hi)[0]
            assert np.isnan(gain) == (first[1][0, -1] < lo) and not gain < -1e-12


@fast
@given(st.lists(st.tuples(*[st.integers(0, 10)] * 2, st.integers(1, 24)), min_size=2, max_size=7))
def test_at_equal_nfe_the_settings_show_what_the_lines_do(points):
    by_nfe = sorted({nfe: (one / 10, other / 10) for one, other, nfe in points}.items())
    first, second = (split([(own[side], float(nfe)) for nfe, own in by_nfe]) for side in (0, 1))
    budgets = float(by_nfe[0][0]), float(by_nfe[-1][0])
    if budgets[0] < budgets[1]:
        gain = mean_height(first, *budgets) - mean_height(second, *budgets)
        assert np.isclose(gain, gain_at_settings(first, second, *budgets))


def test_a_setting_faster_than_the_budgets_shows_nothing():
    own, other = split([(0.9, 1.0), (0.5, 4.0), (0.5, 6.0)]), split([(0.2, 2.0), (0.2, 6.0)])
    assert np.isclose(gain_at_settings(own, other, 2.0, 6.0), 0.3)
    assert np.isnan(gain_at_settings(split([(0.9, 1.0)]), other, 2.0, 6.0))
