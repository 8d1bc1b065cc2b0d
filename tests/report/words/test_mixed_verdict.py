"""What the verdict says of gains over what mixes of two settings reach."""

import pytest

from pipeline.report.comparisons.comparison import NO, YES
from tests.report.sweep import make_sweep
from tests.report.verdict import compared, text


def scored(sweep, right):
    """The first `right` of 100 examples are correct, by the setting's id; a setting takes as many steps as named."""
    for row in sweep.rows:
        threshold, side = row["setting_id"].split("-")
        row["score"] = float(row["position"] < right[side][threshold])
        row["nfe"] = {"0.3": 10, "0.5": 20, "0.7": 30, "0.9": 40}[threshold]
    return sweep


# Of the base: its ends mixed have 40 and 60 between them.
HOLLOW = {"0.3": 20, "0.5": 25, "0.7": 30, "0.9": 80}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("axon", "told"),
    [
        ({"0.3": 20, "0.5": 40, "0.7": 60, "0.9": 80}, ", not shown where settings may be mixed: +0."),
        ({"0.3": 20, "0.5": 70, "0.7": 75, "0.9": 80}, ": +0."),
    ],
)
def test_a_gain_over_what_mixes_of_the_base_reach_is_told_apart(axon, told):
    """On the straight line between the base's ends AXON is what a user could have had without it."""
    sweep = scored(make_sweep(examples=100, anchors=(None, 1)), {"None": HOLLOW, "1": axon})
    (found,) = compared(sweep)
    assert found.outcome == YES and found.mixed == (told == ": +0.")
    assert f"AXON improves the Pareto front of confidence{told}" in text(sweep)
    (effect,) = found.effects
    if not found.mixed:
        assert effect.mixed.difference.estimate == pytest.approx(0)
        saved = effect.saving.fraction
        assert saved.estimate == pytest.approx(0) and saved.lo <= 0 <= saved.hi
    assert effect.mixed.base_quality == pytest.approx(0.5) and effect.mixed.axon_quality > 0.5 - 1e-9


@pytest.mark.slow
def test_a_loss_that_mixes_of_axon_make_good_is_told_apart():
    straight = {"0.3": 20, "0.5": 40, "0.7": 60, "0.9": 80}
    sweep = scored(make_sweep(examples=100, anchors=(None, 1)), {"None": straight, "1": HOLLOW})
    (found,) = compared(sweep)
    assert found.outcome == NO and not found.mixed
    assert "AXON lowers the Pareto front of confidence, not shown where settings may be mixed: -0." in text(
        sweep
    )


@pytest.mark.slow
def test_a_loss_is_shown_where_settings_are_mixed_if_every_variants_is():
    straight = {"0.3": 20, "0.5": 40, "0.7": 60, "0.9": 80}
    lower = {threshold: own - 20 for threshold, own in straight.items()}
    for first, shown in ((HOLLOW, False), (lower, True)):
        sides = {"None": straight, "1": first, "2": {**lower, "0.3": 1}}
        (found,) = compared(scored(make_sweep(examples=100, anchors=(None, 1, 2)), sides))
        assert found.outcome == NO and found.mixed == shown


def test_concave_fronts_are_their_own_mixes():
    concave = {"0.3": 20, "0.5": 50, "0.7": 70, "0.9": 80}
    sweep = scored(
        make_sweep(examples=100, anchors=(None, 1)),
        {"None": concave, "1": {threshold: own + 10 for threshold, own in concave.items()}},
    )
    (effect,) = compared(sweep)[0].effects
    assert effect.mixed.difference.estimate == pytest.approx(effect.difference.estimate)
    assert effect.mixed.difference.lo <= effect.difference.lo + 0.01


def test_the_variant_that_mixes_show_leads_one_of_a_larger_gain():
    """The first gains most over the base's line, of the second alone something is left where settings are mixed."""
    sweep = scored(
        make_sweep(examples=100, anchors=(None, 1, 2)),
        {
            "None": HOLLOW,
            "1": {"0.3": 20, "0.5": 40, "0.7": 60, "0.9": 80},
            "2": {"0.3": 28, "0.5": 36, "0.7": 44, "0.9": 89},
        },
    )
    (found,) = compared(sweep)
    assert [effect.mixed.difference.lo > 0 for effect in found.effects] == [False, True]
    first, second = (effect.difference.estimate / effect.spread for effect in found.effects)
    assert first > second
    assert found.leading is found.effects[1] and found.mixed
