"""The calibration's simulated sweeps go through the report's own comparison, and have the truth they claim."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import refine_calibration as searched
from benchmarks import verdict_calibration as calibration


@pytest.mark.slow
def test_a_row_of_the_table_is_made():
    names = [truth.name for truth in calibration.TRUTHS]
    nothing = calibration.tally(100, 0.9, calibration.TRUTHS[names.index("nothing")], sweeps=2)
    better = calibration.tally(400, 0.8, calibration.TRUTHS[names.index("+5 points")], sweeps=2)
    differ, wrong, _, _, yes, no, inconclusive, _, covered = nothing
    assert 0.03 < differ < 0.15 and wrong in (0, 0.5, 1) and np.isclose(yes + no + inconclusive, 1)
    assert covered <= 1
    assert better[4] >= 0.75  # of its decoders


@pytest.mark.slow
def test_the_truths_are_what_is_drawn():
    """Over very many examples the accuracies and the NFE are the truth's."""
    ids = [setting.id for setting in calibration.describe()]
    for truth in calibration.TRUTHS:
        drawn = calibration.draw(np.random.default_rng(0), 20_000, 0.9, truth)
        quality, nfe = (
            dict(zip(ids, values.mean(axis=1), strict=True)) for values in (drawn.quality_SN, drawn.nfe_SN)
        )
        assert abs(quality["confidence/-1/4"] - 0.9) < 0.01
        assert abs(quality["confidence/0/4"] - quality["confidence/-1/4"] - truth.gain) < 0.008
        assert abs(nfe["left_to_right/0/4"] / nfe["left_to_right/-1/4"] - truth.nfe) < 0.01
        assert (
            abs(
                quality["confidence/1/4"]
                - quality["confidence/-1/4"]
                - (truth.gain if truth.all_variants else 0)
            )
            < 0.008
        )


@pytest.mark.slow
def test_a_searched_sweep_is_judged_by_what_the_search_found():
    """A gain that no 300 examples hide is said, and nothing false; each side has more settings than its start."""
    truth = searched.Truth("+15 points", gain=0.15)
    row = searched.sweep(np.random.default_rng(0), searched.SHAPES["concave"], truth, 300)
    told = dict(zip(searched.HEADS, row, strict=True))
    assert told["of base"] > 3 and told["of AXON"] > 2 + 2 * 3
    assert told["yes"] and not told["no"] and not told["wrong"]


def test_what_was_not_done_is_false():
    """The first variant is better where one is touched, so that lifting is false of the others alone."""
    better, worse = searched.TRUTHS[1], searched.TRUTHS[3]
    lifts, lowers = (SimpleNamespace(higher=own > 0, lower=own < 0) for own in (1, -1))
    assert [searched.false(better, lifts, variant) for variant in searched.VARIANTS] == [False, True, True]
    assert all(searched.false(better, lowers, variant) for variant in searched.VARIANTS)
    assert not any(searched.false(worse, lowers, variant) for variant in searched.VARIANTS)
