"""Whether AXON moves the front: right when it does, quiet when it does not, blind to grids and lucky draws."""

import numpy as np
import pytest

from pipeline.report import find
from pipeline.report.comparison import fastest_at
from tests.report.sweep import Label, make_setting, make_sweep


def answers(sweep):
    return find(sweep.settings, sweep.records, sweep.labels).comparisons


@pytest.mark.parametrize(("gain", "faster", "answer"), [(1.0, 0.8, "yes"), (-1.0, 1.1, "no")])
def test_clear_effects_are_told(gain, faster, answer):
    (found,) = answers(make_sweep(gain=gain, faster=faster, examples=120))
    assert found.answer == answer
    assert found.variants == 2 and len(found.base) == len(found.axon) == 4


def test_axon_that_changes_nothing_is_not_distinguishable():
    (found,) = answers(make_sweep(gain=0.0))
    assert found.answer == "not distinguishable" and found.difference.estimate == 0


def test_the_report_half_has_no_say_in_the_choice():
    sweep = make_sweep(gain=0.5, examples=80)
    (before,) = answers(sweep)
    for row in sweep.rows:
        if row["position"] % 2 == 1 and row["setting_id"].endswith("-2"):
            row["score"] = 1.0  # variant 2 shines, but only where nobody may look while choosing
    (after,) = answers(sweep)
    assert np.array_equal(before.axon, after.axon)


def test_lucky_choice_is_found_out():
    """Among many variants of pure noise the best on the choosing half gains nothing on the other."""
    rng = np.random.default_rng(0)
    sweep = make_sweep(examples=100, anchors=(None, *range(1, 21)))
    for row in sweep.rows:
        if rng.random() < 0.3 and not row["setting_id"].endswith("None"):
            row["score"] = float(rng.random() < row["score"] * 0.8 + 0.1)
    (found,) = answers(sweep)
    assert found.variants == 20 and found.answer != "yes"


def test_faster_along_the_same_curve_is_no_gain():
    """AXON as a mere shift of the threshold: every AXON point lies on the base decoder's own line."""
    sweep = make_sweep(examples=100, anchors=(None,), thresholds=(0.3, 0.4, 0.5, 0.6, 0.7))
    shifted = {0.4: 0.3, 0.5: 0.4, 0.6: 0.5, 0.7: 0.6}
    for asked, run in shifted.items():
        setting_id = f"{asked}-1"
        sweep.settings[setting_id] = make_setting(asked, 1)
        sweep.labels[setting_id] = Label("AXON", {"decoder.threshold": asked, "axon.anchors": 1})
        copied = [row for row in sweep.rows if row["setting_id"] == f"{run}-None"]
        sweep.rows += [row | {"setting_id": setting_id} for row in copied]
    (found,) = answers(sweep)
    assert found.answer == "not distinguishable" and abs(found.difference.estimate) < 0.01


def test_each_decoder_is_compared_with_its_own_axon():
    sweep = make_sweep(gain=1.0, anchors=(None, 1))
    for setting_id in list(sweep.settings):
        threshold, anchors = setting_id.split("-")
        other = f"dawn-{setting_id}"
        sweep.settings[other] = make_setting(
            float(threshold), None if anchors == "None" else int(anchors), "dawn"
        )
        sweep.labels[other] = sweep.labels[setting_id]
        sweep.rows += [row | {"setting_id": other} for row in sweep.rows if row["setting_id"] == setting_id]
    found = answers(sweep)
    assert [comparison.decoder for comparison in found] == ["confidence", "dawn"]
    ids = list(sweep.settings)
    assert all("dawn" in ids[row] for row in [*found[1].base, *found[1].axon])


def test_base_that_reads_layers_is_matched_with_the_same_layers():
    sweep = make_sweep(anchors=(None, 1), thresholds=(0.3, 0.7))
    for setting_id, setting in list(sweep.settings.items()):
        setting["axon"]["attention_layers"] = [0]
        other = f"other-{setting_id}"
        axon = setting["axon"] | {"attention_layers": [7]}
        sweep.settings[other] = setting | {"axon": axon}
        sweep.labels[other] = sweep.labels[setting_id]
        sweep.rows += [row | {"setting_id": other} for row in sweep.rows if row["setting_id"] == setting_id]
    (found,) = answers(sweep)
    ids = list(sweep.settings)
    assert [ids[b].replace("None", "1") for b in found.base] == [ids[a] for a in found.axon]


def test_too_few_examples_give_no_answer():
    (found,) = answers(make_sweep(gain=3.0, examples=12))
    assert found.answer == "not distinguishable" and found.pick is None


def test_one_base_setting_is_no_front():
    (found,) = answers(make_sweep(gain=1.0, thresholds=(0.5,)))
    assert not found.has_front and found.answer == "not distinguishable" and found.pick is not None


def test_no_axon_no_comparison():
    assert answers(make_sweep(anchors=(None,))) == []


def test_fastest_setting_that_reaches_the_bar():
    quality, nfe, rows = np.array([0.5, 0.9, 0.91, 0.7]), np.array([5.0, 20.0, 30.0, 10.0]), np.arange(4)
    assert fastest_at(0.9, rows, quality, nfe) == 1
    assert fastest_at(0.6, rows, quality, nfe) == 3
    assert fastest_at(0.99, rows, quality, nfe) == 2  # nobody does: the best one
