"""Laws of a variant's gain and saving, on simulated outcomes: what must not change them, and what turns them round."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.front_shapes import Shape, concave, describe, drawn
from pipeline.report.comparisons.cohorts import Cohort, cohorts
from pipeline.report.comparisons.effect import Effect
from pipeline.report.comparisons.effects import ANSWERS, MARGIN, margin, measure
from pipeline.report.comparisons.picks import pick
from pipeline.report.statistics.reach import saved
from pipeline.report.statistics.sample import Sample
from tests.report.sweep import make_sweep
from tests.report.verdict import facet_of

N = 40
fast = settings(max_examples=8, deadline=None)
seeds = st.integers(0, 1000)
one_variant = st.builds(
    lambda gain, steps, base, axon: Shape(concave, (gain,), (steps,), values=(base, axon)),
    st.sampled_from([-0.1, 0.0, 0.05]),
    st.sampled_from([0.7, 1.0, 1.2]),
    st.integers(2, 6),
    st.integers(2, 6),
)


def cohort_of(shape: Shape) -> Cohort:
    own = describe(shape)
    points = pd.DataFrame({"decode": [setting.id for setting in own], "complete": True, "axon_empty": 0.0})
    (found,) = cohorts(own, points)
    return found


def outcomes(shape: Shape, seed: int) -> Sample:
    return drawn(np.random.default_rng(seed), shape, N)


def effect_of(cohort: Cohort, sample: Sample) -> Effect:
    measured = measure(cohort, sample)
    assert measured is not None
    (found,) = measured.effects(0.05, 0.05)
    return found


@pytest.mark.slow
@fast
@given(one_variant, seeds)
def test_swapping_the_sides_turns_gains_round_and_a_saving_into_its_cost(shape, seed):
    cohort, sample = cohort_of(shape), outcomes(shape, seed)
    found = effect_of(cohort, sample)
    (variant,) = cohort.variants
    swapped = effect_of(replace(cohort, base=variant, variants=(cohort.base,)), sample)
    for one, other in (
        (found.difference, swapped.difference),
        (found.mixed.difference, swapped.mixed.difference),
        (found.saving.cost, swapped.saving.cost),
    ):
        assert np.allclose(one, (-other.estimate, -other.hi, -other.lo))
    turned = [1 - 1 / (1 - value) for value in swapped.saving.fraction]
    # Not to the last digit: a quantile of a ratio is no quantile of its inverse, between two replicates.
    assert np.allclose(found.saving.fraction, (turned[0], turned[2], turned[1]), atol=0.02, rtol=0.02)


@pytest.mark.slow
@fast
@given(one_variant, seeds, st.sampled_from([0.5, 3.0, 1000.0]))
def test_dearer_steps_change_no_quality_and_no_percentage(shape, seed, times):
    cohort, sample = cohort_of(shape), outcomes(shape, seed)
    found = effect_of(cohort, sample)
    dearer = effect_of(cohort, Sample(sample.quality_SN, times * sample.nfe_SN))
    assert np.allclose(dearer.difference, found.difference)
    assert np.allclose(dearer.mixed.difference, found.mixed.difference)
    # In one of 4,000 replicates another corner may reach the quality, by the last digit of a slope.
    assert np.allclose(dearer.saving.fraction, found.saving.fraction, rtol=1e-3, equal_nan=True)
    assert np.allclose(dearer.saving.cost, np.multiply(found.saving.cost, times), rtol=1e-3, equal_nan=True)


@pytest.mark.slow
@fast
@given(one_variant, seeds, st.randoms(use_true_random=False))
def test_the_order_of_settings_changes_nothing_and_that_of_examples_only_the_draws(shape, seed, random):
    cohort, sample = cohort_of(shape), outcomes(shape, seed)
    found = effect_of(cohort, sample)

    def shuffled(side):
        rows = list(side.rows.items())
        random.shuffle(rows)
        return replace(side, rows=dict(rows))

    again = effect_of(
        replace(cohort, base=shuffled(cohort.base), variants=(shuffled(cohort.variants[0]),)), sample
    )
    assert np.allclose(again.difference, found.difference)
    # Two settings of one replicate may be equal in it and not in the sample: the first of them counts.
    assert np.allclose(again.mixed.difference, found.mixed.difference, atol=1e-3)
    assert np.allclose(again.saving.fraction, found.saving.fraction, atol=1e-3)
    other = effect_of(cohort, Sample(sample.quality_SN[:, ::-1], sample.nfe_SN[:, ::-1]))
    assert other.difference.estimate == pytest.approx(found.difference.estimate)
    assert other.saving.fraction.estimate == pytest.approx(found.saving.fraction.estimate)
    assert np.allclose(
        other.difference, found.difference, atol=0.2 * (found.difference.hi - found.difference.lo)
    )


@fast
@given(one_variant, seeds)
def test_a_side_against_itself_gains_and_saves_nothing(shape, seed):
    shape = replace(shape, gains=(0.0,), values=(shape.values[0],) * 2)
    sample, half = outcomes(shape, seed), shape.values[0]
    same = (np.tile(own[:half], (2, 1)) for own in (sample.quality_SN, sample.nfe_SN))
    found = effect_of(cohort_of(shape), Sample(*same))
    for interval in (found.difference, found.mixed.difference):
        assert interval.estimate == pytest.approx(0) and interval.lo <= 0 <= interval.hi
    for interval in (found.saving.fraction, found.saving.cost):  # replicates that agree tell no interval
        assert interval.estimate == pytest.approx(0) and np.isnan(interval[1:]).all()
    assert found.saving.holds and found.saving.base_cost == found.saving.axon_cost


@fast
@given(one_variant, seeds, st.integers(0, 5), st.sampled_from([0.0, 0.2]))
def test_a_dominated_setting_more_is_no_help(shape, seed, which, lower):
    """A copy that needs more steps, and may score lower: what mixes reach stays, and no end of an interval profits."""
    more = replace(shape, values=(shape.values[0], shape.values[1] + 1))
    sample = outcomes(shape, seed)
    base, axon = shape.values
    row = base + which % (axon - 1)  # not the slowest, beyond which the budgets would go on
    slower = np.minimum(sample.nfe_SN[row] + 0.01, sample.nfe_SN.max())
    worse = np.where(np.random.default_rng(seed).random(N) < lower, 0.0, sample.quality_SN[row])
    grown = Sample(np.vstack([sample.quality_SN, worse]), np.vstack([sample.nfe_SN, slower]))
    alone, found = effect_of(cohort_of(shape), sample), effect_of(cohort_of(more), grown)
    if found.budgets != alone.budgets:
        return
    assert found.mixed.axon_quality == pytest.approx(alone.mixed.axon_quality)
    assert found.mixed.difference.lo <= alone.mixed.difference.lo + 1e-9
    assert found.saving.fraction.estimate == pytest.approx(alone.saving.fraction.estimate)
    assert found.saving.fraction.lo <= alone.saving.fraction.lo + 0.01


@pytest.mark.slow
def test_three_answers_fewer_count_as_equal_however_they_are_rounded():
    """Of 30 examples AXON has 9 right at best and the base 12: 0.4 - 0.1 is a little more than 0.3."""
    assert 0.4 - margin(30) > 0.3
    right = {"base": (6, 12), "AXON": (9, 8)}
    sweep = make_sweep(examples=30, anchors=(None, 1), thresholds=(0.3, 0.5))
    for row in sweep.rows:
        setting = sweep.settings[row["setting_id"]]
        row["score"] = float(row["position"] < right[setting.group][setting.knobs["decoder.threshold"] > 0.4])
    facet = facet_of(sweep)
    (found,) = facet.comparisons
    saving, chosen = (
        found.leading.saving,
        pick(facet.points, found.cohort.base, found.leading.variant, margin(30)),
    )
    assert saving.holds and saving.at_once == (True, True) and chosen.holds
    assert facet.points["label"].iloc[chosen.axon] == "threshold=0.3"


def test_what_counts_as_equal_is_three_answers_at_least():
    assert margin(30) == pytest.approx(0.1) and margin(300) == margin(5000) == MARGIN
    found = effect_of(cohort_of(Shape(concave, (0.0,), (1.0,))), outcomes(Shape(concave, (0.0,), (1.0,)), 0))
    assert found.saving.margin == pytest.approx(ANSWERS / N)


def test_each_end_allows_for_the_choice_that_flatters_the_side_that_would_profit():
    """AXON's six settings flatter its mixes, higher and cheaper than they are, more than the base's two do its own."""
    shape = Shape(concave, (0.0,), (1.0,), values=(2, 6))
    measured = measure(cohort_of(shape), outcomes(shape, 0))
    (line,), (effect,), (gain,) = (
        measured.lines,
        measured.effects(0.05, 0.05),
        measured.mixed_gains.intervals(0.05),
    )
    up, ((part, cost),) = line.flattered, saved([line.mixed], 0.05)
    assert (
        up.axon_height > up.base_height and up.axon_cost > up.base_cost and up.axon_times > up.base_times > 1
    )
    assert effect.mixed.difference == (gain.estimate, gain.lo - up.axon_height, gain.hi + up.base_height)
    assert effect.saving.cost == (cost.estimate, cost.lo - 2 * up.base_cost, cost.hi + 2 * up.axon_cost)
    assert 1 - effect.saving.fraction.lo == pytest.approx((1 - part.lo) * up.axon_times**2)
    assert 1 - effect.saving.fraction.hi == pytest.approx((1 - part.hi) / up.base_times**2)


def test_where_no_example_differs_one_of_the_fewest_in_common_might_have():
    shape = Shape(concave, (0.0, 0.0), (1.0, 1.0), values=(2, 2))
    sample = outcomes(shape, 0)
    quality, cost = (np.tile(own[:2], (3, 1)) for own in (sample.quality_SN, sample.nfe_SN))
    quality[4:, ::2] = np.nan  # the second variant has half of them
    measured = measure(cohort_of(shape), Sample(quality, cost))
    assert [line.n for line in measured.lines] == [N, N // 2]
    assert measured.gains.spread_V.tolist() == [2 / N, 2 / N]
