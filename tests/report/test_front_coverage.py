"""The simulated fronts go through the report's own intervals, and have the truth they claim."""

import numpy as np
import pytest

from benchmarks import front_coverage as coverage


@pytest.mark.parametrize("shape", ["concave", "partial"])
def test_a_row_of_the_table_is_made(shape):
    covers, width, above, below, *parallel = coverage.tally(shape, 60, sweeps=2)
    assert covers + above + below == pytest.approx(1)
    assert 0 < width < 0.5 and len(parallel) == 4


@pytest.mark.parametrize("shape", coverage.SHAPES)
def test_the_truths_are_what_is_drawn(shape):
    """Over very many examples the base's quality is the shape's, steps rise, and equal variants are equal."""
    sample = coverage.drawn(np.random.default_rng(5), shape, 20_000)
    quality, nfe = (
        values.mean(axis=1).reshape(-1, coverage.VALUES) for values in (sample.quality_SN, sample.nfe_SN)
    )
    expected, cost = (own.reshape(-1, coverage.VALUES) for own in coverage.truth(shape))
    assert np.allclose(quality, expected, atol=0.015) and np.allclose(nfe, cost, rtol=0.02)
    if shape != "partial":  # whose scores are clipped
        assert np.allclose(quality[0], coverage.SHAPES[shape], atol=0.015)
    assert (np.diff(nfe, axis=1) > 1).all()
    if shape == "equal":
        assert np.allclose(quality, quality[0], atol=0.015)
    elif shape != "ceiling":
        assert (quality[1] > quality[0] + 0.02).all() and (nfe[1:] < 0.97 * nfe[0]).all()
