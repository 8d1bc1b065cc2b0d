"""The simulated fronts go through the report's own intervals, and have the truth they claim."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks import front_coverage, mix_coverage
from benchmarks.front_shapes import SHAPES, describe, drawn, truth
from pipeline.report.comparisons.cohorts import cohorts
from pipeline.report.comparisons.effects import measure

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("shape", ["concave", "partial"])
def test_a_row_of_each_table_is_made(shape):
    covers, width, above, below, mixed, mixed_width, *rest = front_coverage.tally(shape, 60, sweeps=2)
    assert covers + above + below == pytest.approx(1) == mixed + sum(rest[:2])
    assert 0 < width < 0.5 > mixed_width > 0 and len(rest) == 10
    *kinds, yes, also_mixed = mix_coverage.tally(shape, 60, sweeps=2)
    assert len(kinds) == 3 * len(mix_coverage.KINDS) and 0 <= also_mixed <= yes <= 1


@pytest.mark.parametrize("name", SHAPES)
def test_the_truths_are_what_is_drawn(name):
    """Over very many examples the base's quality is the shape's, steps rise, and equal variants are equal."""
    shape = SHAPES[name]
    sample = drawn(np.random.default_rng(5), shape, 10_000)
    ends = np.cumsum([len(along) for along, _, _ in shape.sides])[:-1]
    quality, nfe = (np.split(own.mean(axis=1), ends) for own in (sample.quality_SN, sample.nfe_SN))
    for own, expected, near in zip((quality, nfe), truth(shape), (0.0, 0.03), strict=True):
        assert np.allclose(np.concatenate(own), expected, atol=0.02, rtol=near)
    assert all((np.diff(own) > 0).all() for own in nfe)
    true_quality, true_nfe = (np.split(own, ends) for own in truth(shape))
    if shape.gains == (0, 0, 0):
        line = np.interp(true_nfe[1], true_nfe[0], true_quality[0])
        assert np.allclose(true_quality[1], line, atol=0.002) or name == "equal"
        assert all(np.array_equal(own, true_quality[1]) for own in true_quality[2:])
    elif name != "ceiling":
        assert (quality[1] > quality[0] + 0.02).all() and all((own < 0.97 * nfe[0]).all() for own in nfe[1:])


def test_more_settings_to_mix_flatter_a_front_and_its_interval_allows_for_most_of_that():
    """A variant as good as the base with eight times its settings looks better; the rest is within the spread."""
    shape = replace(SHAPES["finest"], gains=(0.0,), steps=(1.0,))
    settings, rng = describe(shape), np.random.default_rng(2)
    points = pd.DataFrame(
        {"decode": [setting.id for setting in settings], "complete": True, "axon_empty": 0.0}
    )
    (cohort,) = cohorts(settings, points)
    looks, lowered, raised = [], [], []
    for _ in range(12):
        measured = measure(cohort, drawn(rng, shape, 60))
        (found,) = (effect.mixed.difference for effect in measured.effects(0.05, 0.05))
        (plain,) = measured.mixed_gains.intervals(0.05)
        looks.append(found.estimate)
        lowered.append(plain.lo - found.lo)
        raised.append(found.hi - plain.hi)
    assert np.mean(looks) > 0.03 and min(lowered) > 1.5 * max(raised) >= 0
    assert 0.4 < (np.mean(lowered) - np.mean(raised)) / np.mean(looks) < 1.2
