"""Whether AXON moves the front: reported when it does and not when it doesn't, and how many steps it saves."""

from dataclasses import replace

import numpy as np
import pytest

from axon import AxonSettings
from pipeline.report.comparisons.comparison import INCONCLUSIVE, NO, YES
from pipeline.report.comparisons.picks import fastest_at, pick
from pipeline.report.words.picked import pick_sentence
from tests.report.sweep import changed, make_setting, make_sweep
from tests.report.verdict import add_copy, compared, facet_of, flip, text


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "faster", "outcome"), [(1.0, 0.8, YES), (-1.0, 1.1, NO)])
def test_clear_effects_are_reported_with_their_variant_and_interval(gain, faster, outcome):
    sweep = make_sweep(gain=gain, faster=faster, examples=120)
    (found,) = compared(sweep)
    assert found.outcome == outcome and found.n == 120
    assert len(found.effects) == 2 and (found.leading.difference.lo > 0) == (outcome == YES)
    short = facet_of(sweep).summary.verdicts[0].short
    verb, sign = ("improves", "+") if outcome == YES else ("lowers", "-")
    assert f"AXON {verb} the Pareto front of confidence: {sign}0" in short
    assert "] mean quality with anchors=1" in short


@pytest.mark.slow
def test_axon_that_changes_nothing_in_expectation_is_inconclusive():
    sweep = flip(make_sweep(examples=100), 0.05)
    (found,) = compared(sweep)
    assert found.outcome == INCONCLUSIVE
    told = text(sweep)
    assert "Pareto front of confidence: inconclusive, " in told
    assert "% of the examples score differently with and without AXON" in told
    assert f"100 examples detect a difference of {found.leading.detectable:.3f}" in told
    assert f"detecting 0.01 takes about {found.leading.needed:,}" in told
    assert 0.05 < found.leading.discordance < 0.15
    assert found.leading.needed == pytest.approx(100 * (found.leading.detectable / 0.01) ** 2, abs=1)
    power = 0.8416  # normal quantile at 0.8
    assert found.leading.detectable == pytest.approx(
        (found.critical + power) * found.leading.spread, rel=1e-4
    )


def test_no_difference_in_any_example_is_no_certainty():
    (found,) = compared(make_sweep(gain=0.0, examples=50))
    assert found.outcome == INCONCLUSIVE and found.leading.difference.estimate == 0
    assert (
        found.leading.difference.lo < -0.02 and found.leading.difference.hi > 0.02
    )  # what luck may have hidden


@pytest.mark.slow
def test_the_best_of_many_lucky_variants_is_no_yes():
    """What would pass for an effect in a variant of its own is none in the best of twelve; it is reckoned with."""
    sweep = flip(make_sweep(examples=60, anchors=(None, *range(1, 13)), thresholds=(0.3, 0.7)), 0.2, seed=23)
    (found,) = compared(sweep)
    best = found.leading.difference.estimate / found.leading.spread
    assert len(found.effects) == 12 and found.outcome == INCONCLUSIVE
    assert 1.96 < best < found.critical


@pytest.mark.slow
def test_faster_along_the_same_line_is_no_variant_of_its_own():
    """AXON as a mere shift of the threshold decodes as the base does at another one."""
    sweep = make_sweep(examples=100, anchors=(None,), thresholds=(0.3, 0.4, 0.5, 0.6, 0.7))
    shifted = {0.4: 0.3, 0.5: 0.4, 0.6: 0.5, 0.7: 0.6}
    for asked, run in shifted.items():
        setting_id = f"{asked}-1"
        sweep.settings[setting_id] = make_setting(setting_id, asked, 1)
        copied = [row for row in sweep.rows if row["setting_id"] == f"{run}-None"]
        sweep.rows += [row | {"setting_id": setting_id} for row in copied]
    (found,) = compared(sweep)
    assert found.outcome == NO and not found.effects
    told = text(sweep)
    assert (
        "no effect on the Pareto front of confidence: the only variant decodes every example exactly" in told
    )
    for row in sweep.rows:  # the same line, though decoded otherwise
        row["tokens"] = [*row["tokens"], len(row["setting_id"])]
    (found,) = compared(sweep)
    assert found.outcome == INCONCLUSIVE and abs(found.leading.difference.estimate) < 0.01


@pytest.mark.slow
def test_a_variant_that_finishes_early_is_not_punished():
    """It reaches the base's best quality at its second setting, and was never run slower."""
    sweep = make_sweep(examples=80, anchors=(None, 1), thresholds=(0.3, 0.5, 0.7, 0.9))
    for row in sweep.rows:
        if row["setting_id"] in ("0.5-1", "0.7-1", "0.9-1"):
            twin = f"0.9-None-{row['position']}"
            best = {f"{r['setting_id']}-{r['position']}": r["score"] for r in sweep.rows}[twin]
            row["score"] = best
    sweep.drop("0.7-1", "0.9-1")
    (found,) = compared(sweep)
    (effect,) = found.effects
    base_nfe = facet_of(sweep).points.set_index("setting_id").loc["0.9-None", "nfe"]
    assert effect.budgets[1] == pytest.approx(base_nfe) and found.outcome == YES
    assert effect.saving.fraction.estimate > 0.3 and effect.saving.holds


@pytest.mark.slow
def test_each_decoder_is_compared_with_its_own_axon_and_holm_watches_over_both():
    sweep = make_sweep(gain=1.0, faster=0.8, examples=60, anchors=(None, 1))
    one = compared(sweep)[0]
    add_copy(sweep, "dawn", lambda setting: changed(setting, decoder="dawn"))
    for row in sweep.rows:  # AXON changes nothing here
        if row["setting_id"].startswith("dawn") and row["setting_id"].endswith("-1"):
            base = row["setting_id"].removesuffix("1") + "None"
            row["score"] = next(
                r["score"] for r in sweep.rows if (r["setting_id"], r["position"]) == (base, row["position"])
            )
            row["nfe"] = round(row["nfe"] / 0.8)
    first, second = compared(sweep)
    assert [one.cohort.name for one in (first, second)] == ["confidence", "dawn"]
    assert (first.outcome, second.outcome) == (YES, INCONCLUSIVE)
    assert first.critical > one.critical and first.leading.difference.lo < one.leading.difference.lo
    assert "95 % intervals, simultaneous over 2 comparisons" in text(sweep)


@pytest.mark.slow
def test_too_few_examples_give_no_verdict():
    (found,) = compared(make_sweep(gain=3.0, examples=9))
    assert found.outcome == INCONCLUSIVE and not found.effects and not found.pairs
    assert "of too few examples: 9 scored, at least 10 needed" in text(make_sweep(gain=3.0, examples=9))
    assert compared(make_sweep(gain=3.0, examples=10))[0].effects


def test_decoders_that_lack_examples_are_told_in_one_sentence():
    sweep = make_sweep(gain=3.0, examples=9)
    add_copy(sweep, "dawn", lambda setting: changed(setting, decoder="dawn"))
    said = text(sweep)
    assert said.count("too few examples") == 1
    assert "fronts of confidence and dawn: inconclusive, because of too few examples: 9 scored" in said


@pytest.mark.slow
def test_steps_are_saved_where_a_side_is_only_faster():
    sweep = make_sweep(gain=0.0, faster=0.75, examples=200, anchors=(None, 1))
    (found,) = compared(sweep)
    saved = found.leading.saving.fraction
    assert saved.estimate == pytest.approx(0.25, abs=0.02) and 0.23 < saved.lo < saved.hi < 0.27
    assert "NFE at equal quality: -25 % [" in text(sweep)


def test_fastest_setting_that_reaches_the_bar():
    quality, nfe, rows = np.array([0.5, 0.9, 0.91, 0.7]), np.array([5.0, 20.0, 30.0, 10.0]), np.arange(4)
    assert fastest_at(0.9, rows, quality, nfe) == 1
    assert fastest_at(0.6, rows, quality, nfe) == 3
    assert fastest_at(0.99, rows, quality, nfe) == 2  # nobody does: the best one
    assert fastest_at(0.99, rows, np.full(4, 0.7), nfe) == 0  # and of those the fastest


@pytest.mark.slow
def test_the_settings_to_run_are_as_near_the_best_as_all_else_that_counts_as_equal():
    """Of 60 examples three answers, 0.05; where so many leave no quality above 0, no less than the best will do."""
    for levels, within in (((0.2, 0.55, 0.58), 0.05), ((0.0, 0.02, 0.04), 0.0)):
        sweep = make_sweep(gain=0.0, examples=60, anchors=(None, 1), thresholds=(0.3, 0.5, 0.7))
        for row in sweep.rows:
            level = levels[
                (0.3, 0.5, 0.7).index(sweep.settings[row["setting_id"]].knobs["decoder.threshold"])
            ]
            row["score"] = float(row["position"] < round(60 * level))
        facet = facet_of(sweep)
        (found,) = facet.comparisons
        sides = found.cohort.base, found.leading.variant, found.leading.saving.margin
        own = pick(facet.points, *sides)
        assert own.holds and own.within == pytest.approx(within)
        chosen = facet.points.iloc[[own.base, own.axon]]
        assert (chosen["knob.threshold"] == (0.5 if within else 0.7)).all()
        told = "best quality (within 0.05): " if within else "best quality: "
        assert told in pick_sentence(facet.points, *sides)


@pytest.mark.slow
def test_the_settings_to_run_count_as_equal_what_the_saving_does():
    """On the examples that all their settings have, which may be fewer than any setting has."""
    sweep = make_sweep(gain=0.3, faster=0.8, anchors=(None, 1))
    ids = list(sweep.settings)
    for row in sweep.rows:
        if row["position"] == ids.index(row["setting_id"]):
            row["score"], row["error"], row["metrics"] = None, "failed", []
    facet = facet_of(sweep)
    assert set(facet.points["n"]) == {59} and facet.comparisons[0].leading.n == 60 - len(ids)
    (verdict,) = facet.summary.verdicts
    assert "(within 0.058)" in verdict.pick and ", 0.058 below" in verdict.saved


def test_swapping_the_sides_turns_the_difference_round():
    sweep = make_sweep(gain=0.5, faster=0.9, examples=60, anchors=(None, 1))
    (found,) = compared(sweep)
    for setting_id, setting in sweep.settings.items():
        gate = "always" if setting.decode.axon.gate == "never" else "never"
        sweep.settings[setting_id] = changed(setting, axon=AxonSettings(gate=gate))
    (swapped,) = compared(sweep)
    difference, turned = found.effects[0].difference, swapped.effects[0].difference
    assert np.allclose(turned, (-difference.estimate, -difference.hi, -difference.lo))
    mixed, turned = found.effects[0].mixed.difference, swapped.effects[0].mixed.difference
    assert np.allclose(turned, (-mixed.estimate, -mixed.hi, -mixed.lo))
    assert (found.outcome, swapped.outcome) == (YES, NO)


@pytest.mark.slow
def test_a_variant_is_named_by_its_group_where_several_use_axon():
    sweep = make_sweep(gain=1.0, faster=0.8, examples=30)
    for setting_id, setting in sweep.settings.items():
        if setting_id.endswith("-2"):
            sweep.settings[setting_id] = replace(setting, group="AXON twice")
    assert "] mean quality with group AXON, the best of 2 variants." in text(sweep)


@pytest.mark.slow
def test_a_variant_with_one_setting_has_no_line_and_does_not_count():
    sweep = make_sweep(gain=1.0, faster=0.8, examples=30)
    sweep.drop("0.3-2", "0.7-2", "0.9-2")
    (found,) = compared(sweep)
    assert len(found.effects) == 1
    assert "1 of 2 variants not counted: 1 without a line (a single setting, " in text(sweep)


@pytest.mark.slow
def test_budgets_run_from_where_both_have_begun_to_where_the_slower_ends():
    for faster in (0.7, 1.3):
        sweep = make_sweep(faster=faster, examples=40, anchors=(None, 1))
        nfe = facet_of(sweep).points.set_index("setting_id")["nfe"]
        ends = [max(nfe[f"{threshold}-None"], nfe[f"{threshold}-1"]) for threshold in (0.3, 0.9)]
        assert compared(sweep)[0].effects[0].budgets == pytest.approx(tuple(ends))


@pytest.mark.slow
def test_hard_examples_that_only_one_side_fails_to_score_are_no_gain():
    """AXON decodes no better than the base alone, but some of what it gets wrong has no score."""
    sweep = make_sweep(examples=400, anchors=(None, 1))
    left = {f"{threshold}-1": 16 for threshold in (0.3, 0.5, 0.7, 0.9)}
    for row in sweep.rows:
        if row["score"] == 0 and left.get(row["setting_id"]):
            row["score"], left[row["setting_id"]] = None, left[row["setting_id"]] - 1
    (found,) = compared(sweep)
    (effect,) = found.effects
    assert found.outcome == INCONCLUSIVE and abs(effect.difference.estimate) < 0.01
    assert 336 <= effect.n < found.n == 400
    told = text(sweep)
    rest = 400 - effect.n
    assert f"on {effect.n} examples that are scored under all of these settings (the {rest} left out" in told
    assert f"could change the difference by {rest / 400:.3f})" in told


@pytest.mark.slow
def test_settings_that_lack_many_scores_are_not_said_to_have_none():
    sweep = make_sweep(anchors=(None, 1))
    for row in sweep.rows:
        if row["setting_id"].endswith("-1") and row["position"] % 4 == 0:
            row["score"] = None
    assert "no AXON setting was scored on enough of its examples to be compared." in text(sweep)
    for row in sweep.rows:
        if row["setting_id"].endswith("-1"):
            row["score"] = None
    assert "no AXON setting was scored." in text(sweep)


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "lower"), [(-1.5, True), (0.0, False), (1.5, False)])
def test_what_is_saved_below_the_bases_best_is_told_as_that(gain, lower):
    sweep = make_sweep(gain=gain, faster=0.8, examples=100, anchors=(None, 1))
    (found,) = compared(sweep)
    saving, points = found.leading.saving, facet_of(sweep).points
    base, axon = (points.loc[points["axon"] == own, "quality"].max() for own in (False, True))
    assert saving.holds != lower and (axon < base - saving.margin) == lower
    assert saving.quality == pytest.approx(min(base, axon) - saving.margin)
    assert ("that both reach, which is lower than the base decoder's best" in text(sweep)) == lower


@pytest.mark.slow
def test_no_steps_are_saved_at_a_quality_of_nothing():
    sweep = make_sweep(faster=0.8, examples=60, anchors=(None, 1))
    for row in sweep.rows:
        row["score"] = 0.0
    told = text(sweep)
    assert "NFE at equal quality: unknown, because the two sides reach no common quality above 0.05." in told
    assert "quality -0.05" not in told
    assert [row.what for row in facet_of(sweep).summary.verdicts[0].rows] == [
        "mean quality from 10.9 to 32.3 NFE",
        "mean quality from 10.9 to 32.3 NFE, settings mixed",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plateau", "faster", "who"),
    [
        (("None", "1"), 0.7, "both reach"),
        (("None",), 0.7, "the base decoder reaches"),
        (("None",), 0.25, "the base decoder reaches"),  # AXON's slowest is faster than the base's fastest
        (("1",), 0.7, "AXON reaches"),
    ],
)
def test_savings_that_depend_on_the_swept_values_are_reported_as_such(plateau, faster, who):
    """Where a side is as good with its fastest setting as ever, it might be with a faster one."""
    sweep = make_sweep(faster=faster, examples=100, anchors=(None, 1))
    for row in sweep.rows:
        threshold, side = row["setting_id"].split("-")
        fifths = 4 if side in plateau else {"0.3": 1, "0.5": 2, "0.7": 3, "0.9": 4}[threshold]
        row["score"] = float(row["position"] % 5 < fifths)
    assert f"; {who} it with the fastest setting swept, so faster settings may change this." in text(sweep)
    assert "fastest setting swept" not in text(make_sweep(faster=0.7, anchors=(None, 1)))


@pytest.mark.slow
def test_the_settings_to_run_reach_the_quality_of_the_base():
    sweep = make_sweep(gain=3.0, examples=60, anchors=(None, 1), thresholds=(0.3, 0.5, 0.7))
    points = facet_of(sweep).points.set_index("setting_id")["quality"]
    assert points["0.3-1"] > points["0.7-None"] + 0.05
    pick = facet_of(sweep).summary.verdicts[0].pick
    assert (
        f"threshold=0.7 without AXON ({points['0.7-None']:.3f}" in pick
        and ", threshold=0.3 with AXON" in pick
    )
    lower = make_sweep(gain=-1.0, examples=60, anchors=(None, 1))
    assert "No setting of this variant reaches" in facet_of(lower).summary.verdicts[0].pick


@pytest.mark.slow
def test_one_variant_that_lowers_the_front_is_not_every_variant():
    sweep, worse = (make_sweep(gain=gain, examples=80) for gain in (0.0, -1.5))
    sweep.rows = [row for row in sweep.rows if not row["setting_id"].endswith("-2")]
    sweep.rows += [row for row in worse.rows if row["setting_id"].endswith("-2")]
    (found,) = compared(sweep)
    assert found.outcome == INCONCLUSIVE and len(found.lowering) == 1
    assert "AXON lowers the front with anchors=2 (-0." in text(sweep)


def test_savings_hold_for_all_comparisons_at_once():
    sweep = make_sweep(gain=0.3, faster=0.8, examples=60, anchors=(None, 1))
    alone = compared(sweep)[0].leading.saving.fraction
    add_copy(sweep, "dawn", lambda setting: changed(setting, decoder="dawn"))
    saved = compared(sweep)[0].leading.saving.fraction
    assert saved.hi - saved.lo > alone.hi - alone.lo


@pytest.mark.slow
def test_the_caption_closes_as_the_evidence_does():
    (verdict,) = facet_of(make_sweep(gain=1.0, faster=0.8, examples=30)).summary.verdicts
    closing = verdict.caption.partition(". ")[2]
    assert closing and verdict.evidence.endswith(closing)
    assert [row.what.partition(" ")[0] for row in verdict.rows] == ["mean", "mean", "NFE"]
