"""What is compared with what: like with like, each variant once."""

from dataclasses import replace

import numpy as np
import pytest

from axon.identity import AXON_VERSION
from pipeline.report.comparisons.comparison import INCONCLUSIVE, NO_FRONT
from tests.report.counts import decode_alike
from tests.report.sweep import changed, identified, make_sweep
from tests.report.verdict import add_copy, compared, facet_of, text


@pytest.mark.slow
def test_equal_decodes_count_once():
    once = make_sweep(gain=1.0, faster=0.8, examples=60, anchors=(None, 1, 2, 4))
    for threshold in (0.3, 0.5, 0.7, 0.9):
        decode_alike(once, f"{threshold}-1", f"{threshold}-2", f"{threshold}-4")
    (found,) = compared(once)
    assert len(found.effects) == 1 and (found.cohort.asked, found.cohort.idle) == (3, 0)
    told = text(once)
    assert "anchors=1|2|4" in told and "2 of 3 variants not counted: 2 identical to another" in told
    alone = make_sweep(gain=1.0, faster=0.8, examples=60, anchors=(None, 1))
    assert compared(alone)[0].effects[0].difference == found.effects[0].difference


def test_a_variant_that_decodes_as_the_base_at_one_value_alone_is_compared():
    sweep = make_sweep(gain=1.0, examples=20, anchors=(None, 1), thresholds=(0.3, 0.7))
    (found,) = compared(decode_alike(sweep, "0.7-None", "0.7-1"))
    assert (len(found.cohort.variants), found.cohort.idle) == (1, 0)


def test_settings_of_a_side_that_decode_alike_are_one_point_of_its_line():
    sweep = make_sweep(gain=1.0, examples=60, anchors=(None, 1), thresholds=(0.3, 0.7, 0.9))
    decode_alike(decode_alike(sweep, "0.7-None", "0.9-None"), "0.7-1", "0.9-1")
    (found,) = compared(sweep)
    assert len(found.cohort.base.rows) == len(found.effects[0].variant.rows) == 2


@pytest.mark.slow
def test_lengths_are_never_pooled():
    sweep = make_sweep(gain=1.0, examples=60, anchors=(None, 1))
    add_copy(sweep, "long", lambda setting: changed(setting, gen_length=128))
    found = compared(sweep)
    ids = list(sweep.settings)
    assert [one.cohort.name for one in found] == ["confidence (gen_length=64)", "confidence (gen_length=128)"]
    for one, name in zip(found, (False, True), strict=True):
        rows = np.concatenate([one.cohort.base.members[0], one.cohort.variants[0].members[0]])
        assert len(rows) == 8 and {ids[row].startswith("long") for row in rows} == {name}
    assert "AXON improves the Pareto front of confidence (gen_length=128)" in text(sweep)


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"temperature": 0.5}, {"model": {"prompt": "chat"}}, {"block_length": 8}])
def test_settings_that_differ_in_more_than_axon_and_the_trade_off_parameter_are_not_compared(change):
    sweep = make_sweep(gain=1.0, examples=20, anchors=(None, 1))
    for setting_id, setting in sweep.settings.items():
        if setting_id.endswith("-1"):
            sweep.settings[setting_id] = changed(setting, **change)
    assert compared(sweep) == [] and "No comparison with and without AXON: no base setting equals" in text(
        sweep
    )


def test_of_one_setting_it_is_said_how_to_compare():
    sweep = make_sweep(examples=20, anchors=(1,), thresholds=(0.5,))
    assert "this is one setting; sweep=with_axon evaluates the base decoder, too" in text(sweep)


def test_without_a_trade_off_parameter_every_threshold_is_its_own_comparison():
    found = compared(
        make_sweep(gain=1.0, examples=30, anchors=(None, 1), thresholds=(0.3, 0.7), trade_off=None)
    )
    assert [one.cohort.name for one in found] == ["confidence (threshold=0.3)", "confidence (threshold=0.7)"]
    assert all(one.outcome == NO_FRONT and len(one.pairs) == 1 for one in found)


def test_the_version_of_axon_keeps_no_base_from_its_variants():
    sweep = make_sweep(gain=1.0, examples=30, anchors=(None, 1))
    versions = [setting.identity["versions"]["axon"] for setting in sweep.settings.values()]
    assert set(versions) == {None, AXON_VERSION} and len(compared(sweep)) == 1


def test_decoders_with_different_trade_off_parameters_are_compared_side_by_side():
    sweep = make_sweep(gain=1.0, faster=0.8, examples=60, anchors=(None, 1))
    add_copy(sweep, "dawn", lambda setting: changed(setting, decoder="dawn"))
    assert {setting.trade_off for setting in sweep.settings.values()} == {
        "decoder.threshold",
        "decoder.tau_low",
    }
    confidence, dawn = compared(sweep)
    assert (confidence.cohort.name, dawn.cohort.name) == ("confidence", "dawn")
    assert {len(one.cohort.base.rows) for one in (confidence, dawn)} == {4}
    assert confidence.leading.difference.estimate == dawn.leading.difference.estimate


@pytest.mark.slow
def test_seeds_are_averaged_within_an_example():
    """Three seeds of one setting are no three settings, and no three times as many examples."""
    sweep = make_sweep(gain=0.6, examples=60, anchors=(None, 1))
    one = compared(sweep)[0]
    sweep.change(temperature=0.5)
    for seed in (1, 2):
        add_copy(sweep, f"seed{seed}", lambda setting, seed=seed: changed(setting, seed=seed))
    sweep.drop(*[sid for sid in sweep.settings if "seed2-seed1" in sid])  # copies of copies
    (three,) = compared(sweep)
    assert three.n == 60 and len(three.effects) == 1 and len(three.cohort.base.rows) == 4
    assert {len(rows) for rows in three.cohort.base.rows.values()} == {1}  # pooled before they are compared
    assert three.effects[0].difference == one.effects[0].difference  # equal seeds add no certainty
    for row in sweep.rows:  # and an unscored one is left out of its average
        if row["setting_id"].startswith("seed2"):
            row["score"] = None if row["position"] % 20 == 0 else row["score"]
    assert compared(sweep)[0].effects[0].difference == one.effects[0].difference


def reading_layers(setting, layers):
    axon = replace(setting.decode.axon, attention_layers=layers)
    return identified(replace(setting, decode=replace(setting.decode, axon=axon)))


def test_base_that_reads_layers_is_matched_with_the_same_layers():
    sweep = make_sweep(gain=1.0, anchors=(None, 1), thresholds=(0.3, 0.7))
    sweep.change(decoder="dawn")
    for setting_id, setting in sweep.settings.items():
        sweep.settings[setting_id] = reading_layers(setting, "0")
    add_copy(sweep, "other", lambda setting: reading_layers(setting, "7"))
    found = compared(sweep)
    assert [one.cohort.name for one in found] == ["dawn (attention_layers=0)", "dawn (attention_layers=7)"]


def test_no_axon_no_comparison():
    assert compared(make_sweep(anchors=(None,))) == []


@pytest.mark.slow
def test_axon_settings_without_a_base_are_reported_to_be_in_no_comparison():
    sweep = make_sweep(gain=1.0, anchors=(None, 1))
    assert not any("in no comparison (" in one for one in facet_of(sweep).summary.warnings)
    for setting_id in [own for own in sweep.settings if own.endswith("-1")]:
        other = f"long-{setting_id}"
        sweep.settings[other] = replace(changed(sweep.settings[setting_id], gen_length=128), id=other)
        sweep.rows += [row | {"setting_id": other} for row in sweep.rows if row["setting_id"] == setting_id]
    warned = facet_of(sweep).summary.warnings
    assert any(
        one.startswith("4 AXON settings are in no comparison (for example threshold=0.3)") for one in warned
    )


def test_two_examples_that_decode_alike_are_no_verdict():
    sweep = make_sweep(examples=2, anchors=(None, 1))
    for threshold in (0.3, 0.5, 0.7, 0.9):
        decode_alike(sweep, f"{threshold}-None", f"{threshold}-1")
    assert compared(sweep)[0].outcome == INCONCLUSIVE
    assert "inconclusive, because of too few examples: 2 scored" in text(sweep)


@pytest.mark.slow
@pytest.mark.parametrize(("thresholds", "empty"), [((0.3,), 0), ((0.3, 0.5), 0), ((0.3, 0.5, 0.7), 1)])
def test_a_variant_is_empty_when_most_of_its_settings_are(thresholds, empty):
    sweep = make_sweep(gain=1.0, examples=20, anchors=(None, 1))
    for row in sweep.rows:
        alone = row["setting_id"] in {f"{threshold}-1" for threshold in thresholds}
        row["unsupported_steps"] = row["axon_steps"] if alone else []
    (found,) = facet_of(sweep).comparisons
    assert (found.cohort.empty, len(found.effects)) == (empty, 1 - empty)
