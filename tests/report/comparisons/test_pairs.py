"""One setting per side: a pair, on the examples that both have."""

import pytest

from pipeline.report.comparisons.comparison import NO_FRONT
from tests.report.counts import decode_alike
from tests.report.sweep import make_sweep
from tests.report.verdict import compared, facet_of, text


@pytest.mark.slow
def test_one_setting_per_side_is_reported_as_a_pair():
    sweep = make_sweep(gain=1.0, faster=0.8, thresholds=(0.5,), anchors=(None, 1))
    (found,) = compared(sweep)
    assert found.outcome == NO_FRONT and not found.effects
    (pair,) = found.pairs
    assert (pair.quality.first_only, pair.quality.second_only) == (14, 0) and pair.p < 0.001
    short = facet_of(sweep).summary.verdicts[0].short
    assert short.startswith("AXON with confidence: +0.233 [+0.") and short.endswith(
        "not testable as a front."
    )
    assert "14 correct only with it, 0 only without (exact McNemar p = 0.00012" in text(sweep)


@pytest.mark.slow
def test_pairs_of_other_scores_are_bootstrapped():
    sweep = make_sweep(gain=1.0, thresholds=(0.5,), anchors=(None, 1))
    for row in sweep.rows:
        row["score"] *= 0.75
    (pair,) = compared(sweep)[0].pairs
    assert pair.quality.p is None and pair.p < 0.001 and pair.quality.difference.lo > 0
    assert "bootstrap p" in text(sweep)


def test_pairs_share_one_level():
    sweep = make_sweep(gain=1.0, thresholds=(0.3,), anchors=(None, 1, 2), examples=40)
    alone = compared(make_sweep(gain=1.0, thresholds=(0.3,), anchors=(None, 1), examples=40))[0].pairs[0]
    pairs = compared(sweep)[0].pairs
    assert len(pairs) == 2 and {pair.p for pair in pairs} == {2 * alone.p}  # equal ones have one p


@pytest.mark.slow
def test_settings_without_examples_in_common_are_not_compared():
    for thresholds in ((0.5,), (0.3, 0.7)):
        sweep = make_sweep(gain=1.0, anchors=(None, 1), thresholds=thresholds)
        sweep.rows = [
            row for row in sweep.rows if (row["position"] < 30) == row["setting_id"].endswith("None")
        ]
        (found,) = compared(sweep)
        assert found.outcome == NO_FRONT and not found.pairs
        told = text(sweep)
        assert "too few common examples" in told and "nan" not in told


def test_a_pair_is_of_the_examples_both_have():
    sweep = make_sweep(gain=1.0, thresholds=(0.5,), anchors=(None, 1))
    left = 3
    for row in sweep.rows:
        if row["setting_id"] == "0.5-1" and row["score"] == 1 and left:
            row["score"], left = None, left - 1
    (pair,) = compared(sweep)[0].pairs
    assert pair.quality.n == 57
    assert pair.quality_axon - pair.quality_base == pytest.approx(pair.quality.difference.estimate)


def test_settings_that_decode_alike_are_no_pair():
    sweep = make_sweep(gain=1.0, thresholds=(0.3, 0.5), anchors=(None, 1))
    for row in sweep.rows:
        row["nfe"] = 20
    decode_alike(sweep, "0.3-None", "0.3-1")
    (found,) = compared(sweep)
    assert found.outcome == NO_FRONT and len(found.pairs) == 1


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 30, 120])
def test_a_bootstrapped_pair_excludes_no_difference_exactly_where_holm_rejects_it(count):
    """Of graded scores none of which AXON lowers: plain percentiles excluded 0 in each of 120 pairs, of p = 0.12."""
    sweep = make_sweep(gain=3.0, examples=40, anchors=(None, *range(1, count + 1)), thresholds=(0.5,))
    for row in sweep.rows:
        row["score"] *= 0.75
    found = compared(sweep)[0].pairs
    assert len(found) == count
    for pair in found:
        assert (pair.p <= 0.05) == (pair.quality.difference.lo > 0) == (count < 120)


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "told"), [(0.03, False), (0.2, True)])
def test_a_pair_on_which_all_examples_agree_has_a_p_that_its_interval_agrees_with(gain, told):
    """Of 60 examples 0.03 had p < 0.05 beside an interval that includes 0."""
    sweep = make_sweep(thresholds=(0.5,), anchors=(None, 1))
    for row in sweep.rows:
        row["score"] = 0.4 + gain * row["setting_id"].endswith("-1")
    (pair,) = compared(sweep)[0].pairs
    assert (pair.p < 0.05) == (pair.quality.difference.lo > 0) == told
    assert "(score test p" in text(sweep)
