"""Replicates are drawn block by block: the same figures whatever the blocks, and never all of them in memory."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report.comparisons.cohorts import Cohort, make_side
from pipeline.report.comparisons.effects import measure
from pipeline.report.data.points import mark_fronts
from pipeline.report.statistics import resampling, stats
from pipeline.report.statistics.resampling import blocks, outcomes
from pipeline.report.statistics.sample import PLUS_FOUR, Sample, draw
from tests.report.sweep import make_sweep
from tests.report.verdict import found_in

KINDS = {  # of outcomes: exactly float32's, sums beyond it, no whole numbers
    "scores": lambda rng, shape: rng.integers(0, 2, shape).astype(float),
    "positions": lambda rng, shape: rng.integers(0, 2**23, shape).astype(float),
    "flops": lambda rng, shape: rng.integers(0, 2**45, shape).astype(float),
    "seconds": lambda rng, shape: rng.random(shape),
}


def drawn(seed, kind, settings_count=5, examples=12, lost=0.2):
    rng = np.random.default_rng(seed)
    values_SN = KINDS[kind](rng, (settings_count, examples))
    values_SN[rng.random(values_SN.shape) < lost] = np.nan
    return values_SN


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(sorted(KINDS)), st.sampled_from([0.0, 0.2, 1.0]))
def test_means_are_those_of_the_resampled_examples(seed, kind, lost):
    """By listing each replicate's examples, as often as it drew them."""
    values_SN, counts_BN = drawn(seed, kind, lost=lost), stats.draw_counts(12, replicates=7, seed=seed)
    found_BS = stats.means(values_SN, counts_BN)
    for counts_N, found_S in zip(counts_BN.astype(int), found_BS, strict=True):
        listed_SN = np.repeat(values_SN, counts_N, axis=1)
        own = [row[~np.isnan(row)] for row in listed_SN]
        plain_S = [row.mean() if len(row) else np.nan for row in own]
        np.testing.assert_allclose(found_S, plain_S, rtol=1e-12, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(300, 4000 * 3), st.sampled_from([0.0, 0.3]))
def test_blocks_hold_the_same_replicates_in_order(seed, block, lost):
    quality_SN, nfe_SN = drawn(seed, "scores", lost=lost), drawn(seed, "positions", lost=lost)
    own = draw(Sample(quality_SN, nfe_SN))
    rows = np.array([3, 0, 4])
    [whole] = own.blocks(rows, "nfe")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "BLOCK", block)
        parts = [np.concatenate(part) for part in zip(*own.blocks(rows, "nfe"), strict=True)]
        assert max(len(part) for part in blocks(own.counts_BN, 3)) <= max(block // 3, 1)
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_allclose(whole[1], parts[1], rtol=1e-15)  # the average that is added is no whole number
    # The examples added count as any other.
    added_S4 = np.where(own.binary_S[:, None], PLUS_FOUR, np.nan)
    plain = stats.means(np.concatenate([quality_SN, added_S4], axis=1)[rows], own.counts_BN)
    np.testing.assert_allclose(whole[0], plain, rtol=0, atol=1e-11)


def test_the_examples_that_are_added_cost_what_others_do_on_average():
    """Of settings that are always right, and cost the same on every example, no replicate has another cost."""
    nfe_SN = np.repeat([[10.0], [20.0]], 30, axis=1)
    for quality_bK, nfe_bK in draw(Sample(np.ones((2, 30)), nfe_SN)).blocks(np.arange(2), "nfe"):
        assert (nfe_bK == [10.0, 20.0]).all() and quality_bK.min() < 1


def test_whole_numbers_are_added_up_in_float32_only_where_that_is_exact():
    assert outcomes(drawn(0, "scores")).filled_SN.dtype == np.float32
    assert outcomes(drawn(0, "seconds")).filled_SN.dtype == np.float64
    odd = np.full((1, 3), resampling.EXACT - 1.0)  # float32 holds each of them, and not their sum
    assert stats.means(odd, stats.draw_counts(3))[:, 0].tolist() == [resampling.EXACT - 1.0] * 4000


@pytest.mark.slow
def test_a_report_is_the_same_whatever_the_blocks(monkeypatch):
    sweep = make_sweep(gain=0.5, examples=20, anchors=(None, 1), thresholds=(0.3, 0.5, 0.7))
    rng = np.random.default_rng(1)
    for row in sweep.rows:
        if row["setting_id"] == "0.5-1":  # graded scores, all others are 0 or 1
            row["score"] *= rng.choice([1.0, 0.5])
    del sweep.rows[::11]
    whole = found_in(sweep)
    monkeypatch.setattr(resampling, "BLOCK", 3000)
    monkeypatch.setattr(stats, "BLOCK", 9000)
    parts = found_in(sweep)
    pd.testing.assert_frame_equal(whole.points, parts.points, rtol=1e-12)
    assert whole.verdict == parts.verdict
    for one, other in zip(whole.facets, parts.facets, strict=True):
        assert repr(one.matched) == repr(other.matched)
        assert repr(one.aups) == repr(other.aups)
        for view, same in zip(one.views, other.views, strict=True):
            for group, area in view.hypervolumes.items():
                np.testing.assert_allclose(area, same.hypervolumes[group], rtol=1e-12)


@pytest.mark.slow
def test_no_more_than_a_few_blocks_are_in_memory(monkeypatch):
    """Of 600 settings on two fronts: all replicates of one measure alone would be 19 MB."""
    monkeypatch.setattr(resampling, "BLOCK", 2**16)
    monkeypatch.setattr(stats, "BLOCK", 2**16)
    count = 600
    sample = Sample(drawn(0, "scores", count, lost=0), drawn(1, "positions", count, lost=0))
    points = pd.DataFrame({"group": ["a", "b"] * (count // 2), "complete": True, "n": sample.n})
    points = points.assign(quality=stats.means(sample.quality_SN), nfe=stats.means(sample.nfe_SN))
    decodes, values = [(str(row), str(row)) for row in range(count)], [str(row) for row in range(count)]
    base, variant = (make_side(range(start, count, 2), decodes, values) for start in (0, 1))
    cohort = Cohort("confidence", "", base, (variant,), 1, 0, 0, frozenset(range(count)))
    draws = draw(sample)
    tracemalloc.start()
    try:
        mark_fronts(points, "nfe", draws)
        assert measure(cohort, sample)
        stats.mean_intervals(sample.nfe_SN, stats.draw_counts(sample.n))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4000 * count * 8 / 2
