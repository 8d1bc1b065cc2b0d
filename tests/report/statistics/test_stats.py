"""Laws of the intervals; coverage near 0 and 1 by enumeration of all outcomes."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, multinomial

from pipeline.report.statistics import stats
from pipeline.report.statistics.multiplicity import simultaneous_percentiles

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
    silent = len(known) < stats.FEWEST or np.ptp(known) <= 1e-9 * max(known)
    if silent and not stats.is_binary(np.array(values)):
        assert math.isnan(found.lo) and math.isnan(found.hi)
        return
    assert found.lo <= found.estimate <= found.hi
    lowest, highest = (0, 1) if stats.is_binary(np.array(values)) else (min(known), max(known))
    assert lowest - 1e-9 <= found.lo and found.hi <= highest + 1e-9


def test_of_a_few_examples_an_interval_reaches_farther_than_the_plain_percentiles():
    """As Student's does than the normal one. Of ten steps counts plain percentiles cover 86 % of the time."""
    tails = [stats.tail(n) for n in (2, 3, 10, 30, 100, 1000)]
    assert tails == sorted(tails) and tails[0] < 1e-9 and 0.0245 < tails[-1] < 0.025
    assert stats.tail(10, 0.99) < stats.tail(10, 0.95) and tails[2] == pytest.approx(0.0085, abs=0.0002)
    rng, n = np.random.default_rng(0), 10
    values_SN = np.round(15 * np.exp(0.3 * rng.normal(size=(1000, n))))
    counts_BN = stats.draw_counts(n, 1000)
    truth = np.round(15 * np.exp(0.3 * rng.normal(size=10**6))).mean()
    held = np.mean([own.lo <= truth <= own.hi for own in stats.mean_intervals(values_SN, counts_BN)])
    plain = np.quantile(stats.means(values_SN, counts_BN), [0.025, 0.975], axis=0)
    assert 0.9 < held < 0.97 and np.mean((plain[0] <= truth) & (truth <= plain[1])) < 0.9


@pytest.mark.parametrize("n", range(1, 6))
def test_too_few_examples_tell_no_spread(n):
    """Half of all pairs, and 6 % of all fives, lie on one side of the middle: no replicate reaches beyond."""
    assert 1 - 2 / 2**n < stats.LEVEL <= 1 - 2 / 2**stats.FEWEST
    found = interval([math.nan, *np.linspace(0.3, 0.5, n)])
    assert 0.3 <= found.estimate <= 0.5 and math.isnan(found.lo) and math.isnan(found.hi)
    assert 0 < interval([1.0] * n).lo < 1  # Wilson's, which knows how right and wrong vary
    paired = stats.paired_difference(np.linspace(0.3, 0.5, n), np.full(n, 0.2))
    assert paired.difference.estimate > 0 and math.isnan(paired.difference.lo)


def test_six_examples_have_an_interval_and_a_higher_level_takes_more():
    found = interval(np.linspace(0.3, 0.5, stats.FEWEST).tolist())
    assert 0.3 <= found.lo < found.estimate < found.hi <= 0.5
    assert [stats.fewest(level) for level in (0.5, 0.75, 0.9375, 0.95, 0.99)] == [2, 3, 5, 6, 8]


def test_examples_that_agree_are_no_certainty():
    """Steps have no interval then; a difference of scores may hide what 3 in n examples can."""
    same = np.full(30, 0.4)
    assert interval(same.tolist()).estimate == 0.4 and math.isnan(interval(same.tolist()).lo)
    for shift in (0.0, 0.2):
        (estimate, lo, hi), reach = (
            stats.paired_difference(same + shift, same).difference,
            stats.tango_interval(0, 0, 30).hi,
        )
        assert np.allclose((estimate, lo, hi), (shift, shift - reach, shift + reach)) and 0.1 < reach < 0.12
    assert math.isnan(stats.paired_difference(same, same, scores=False).difference.lo)


@given(n=st.integers(6, 2000), away=st.floats(-4, 4), level=st.floats(0.5, 0.999))
def test_of_examples_that_agree_p_and_interval_say_the_same(n, away, level):
    """`away`: by how many standard errors they differ."""
    difference = math.copysign(away**2 / (n + away**2), away)
    found, p = stats.alike(difference, n, level), stats.alike_p(difference, n)
    assume(n >= stats.fewest(level) and not math.isclose(p, 1 - level, rel_tol=1e-6))
    assert (found.lo > 0 or found.hi < 0) == (p < 1 - level)


def test_one_step_is_no_right_answer():
    """Wilson's interval of 30 ones reaches down to 0.89; no decode takes less than a step."""
    ones_1N = np.ones((1, 30))
    (steps,) = stats.mean_intervals(ones_1N, stats.draw_counts(30), scores=False)
    (scores,) = stats.mean_intervals(ones_1N, stats.draw_counts(30))
    assert steps.estimate == 1 and math.isnan(steps.lo) and 0.88 < scores.lo < 0.9
    assert stats.paired_difference(ones_1N[0], ones_1N[0], scores=False).p is None


def test_same_seed_same_interval_other_seed_another():
    values = np.random.default_rng(1).random(40).tolist()
    assert interval(values) == interval(values)
    assert interval(values)[1:] != interval(values, seed=1)[1:]


def test_hundred_of_a_hundred_leaves_room_for_doubt():
    found = interval([1.0] * 100)
    assert found.hi == 1 and round(found.lo, 3) == 0.963


def coverage(intervals, truth, probabilities):
    """Exact: the probability of all the outcomes whose interval holds the truth."""
    held = [interval.lo - 1e-12 <= truth <= interval.hi + 1e-12 for interval in intervals]
    return float(np.asarray(probabilities)[held].sum())


@fast
@given(st.integers(0, 3000), st.integers(0, 3000), st.floats(0.5, 0.9999))
def test_wilson_and_mcnemar_are_scipys_which_is_slow_to_import(first, second, level):
    assert np.isclose(
        stats.mcnemar_p(first, second),
        binomtest(first, first + second).pvalue if first + second else 1,
        rtol=1e-9,
    )
    n = first + second + 1
    expected = binomtest(first, n).proportion_ci(confidence_level=level, method="wilson")
    assert np.allclose(stats.wilson_interval(first, n, level)[1:], expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("n", [10, 30, 100])
def test_wilson_covers_a_share_near_its_ends(n):
    intervals = [stats.wilson_interval(right, n) for right in range(n + 1)]
    shares = np.concatenate([np.linspace(0.002, 0.1, 50), np.linspace(0.9, 0.998, 50)])
    covered = [coverage(intervals, share, binom.pmf(np.arange(n + 1), n, share)) for share in shares]
    assert min(covered) > 0.83 and np.mean(covered) > 0.945  # Wilson's known dips, not a collapse to 0


@pytest.mark.parametrize("n", [10, 50, 100])
def test_tango_covers_a_paired_difference_where_few_examples_are_discordant(n):
    outcomes = [(b, c) for b in range(n + 1) for c in range(n + 1 - b) if b + c <= 40]
    intervals = [stats.tango_interval(b, c, n) for b, c in outcomes]
    tables = np.array([(b, c, n - b - c) for b, c in outcomes])
    covered = []
    for discordant in (0.002, 0.01, 0.03, 0.1):
        for share in (0.5, 0.8, 1.0):
            cells = [discordant * share, discordant * (1 - share), 1 - discordant]
            truth = cells[0] - cells[1]
            covered.append(coverage(intervals, truth, multinomial.pmf(tables, n, cells)))
    assert min(covered) > 0.93 and np.mean(covered) > 0.95


def test_tango_and_mcnemar_give_the_published_values():
    """Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014) 2850: airway data, 1 and 7 of 21."""
    found = stats.tango_interval(1, 7, 21)
    assert np.allclose(found, (-0.286, -0.517, -0.026), atol=5e-4)
    assert round(stats.mcnemar_p(1, 7), 4) == 0.0703


@fast
@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(0, n))))
def test_tango_holds_its_estimate_and_swapping_sides_turns_it_round(case):
    n, b, c = case
    c = min(c, n - b)
    found, swapped = stats.tango_interval(b, c, n), stats.tango_interval(c, b, n)
    assert -1 <= found.lo <= found.estimate <= found.hi <= 1 and found.lo < found.hi
    assert np.allclose((found.lo, found.hi), (-swapped.hi, -swapped.lo), atol=1e-9)
    wider = stats.tango_interval(b, c, n, level=0.99)
    assert wider.lo <= found.lo and found.hi <= wider.hi


def test_paired_zeros_and_ones_come_with_their_discordant_counts():
    first = np.array([1.0] * 6 + [0.0] * 3 + [1.0, np.nan])
    second = np.array([0.0] * 5 + [1.0] * 4 + [1.0, 1.0])
    paired = stats.paired_difference(first, second)
    assert (paired.n, paired.first_only, paired.second_only) == (10, 5, 3)
    assert paired.difference.estimate == pytest.approx(0.2) and paired.p == pytest.approx(0.7266, abs=1e-4)


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_an_interval_excludes_0_only_where_the_exact_test_does(level):
    """Of 100 examples, (5, 0) and (7, 1) had p of 0.06 and 0.07 beside intervals above 0."""
    apart = 0
    for first_only in range(20):
        for second_only in range(20 - first_only):
            scores_2N = np.zeros((2, 100))
            scores_2N[0, :first_only] = scores_2N[1, first_only : first_only + second_only] = 1
            found = stats.paired_difference(*scores_2N, level)
            lo, hi = stats.tango_interval(first_only, second_only, 100, level)[1:]
            assert (found.difference.lo <= 0 <= found.difference.hi) == (found.p > 1 - level)
            assert found.difference.lo <= lo and hi <= found.difference.hi
            apart += (found.difference.lo, found.difference.hi) != (lo, hi)
    assert apart > 5


def test_no_discordant_example_is_not_certainty():
    paired = stats.paired_difference(np.ones(100), np.ones(100))
    assert paired.p == 1 and paired.difference.lo == pytest.approx(-0.037, abs=1e-3)


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
    assert paired.n == 2 and paired.difference.estimate == 0.5 and paired.first_only == 1


def test_paired_difference_of_nothing_in_common_is_unknown():
    paired = stats.paired_difference(np.array([1.0, np.nan]), np.array([np.nan, 1.0]))
    assert paired.n == 0 and np.isnan(paired.difference).all()


def test_roundings_around_0_tell_no_interval():
    """0.7 - 0.6 - 0.1 and 0.3 - 0.2 - 0.1 are no two differences."""
    near_N = np.array([5.55e-17, -2.78e-17] * 20)
    assert not stats.tells(40, -2e-17, 3e-17) and stats.tells(40, 0.0, 1e-6)
    found = stats.paired_difference(near_N, 0 * near_N).difference
    assert (found.lo, found.hi) == pytest.approx(stats.alike(0.0, 40)[1:])
    replicates_BV = np.random.default_rng(0).choice(near_N, (100, 1))
    (own,) = simultaneous_percentiles(np.zeros(1), replicates_BV, 0.05)
    assert np.isnan([own.lo, own.hi]).all()
