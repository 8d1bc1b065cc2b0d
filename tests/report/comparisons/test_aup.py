"""Accuracy under parallelism is d3LLM's, with an interval."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report.asked import NOTHING
from pipeline.report.comparisons.aup import _interval, _near, area, kept, near_best
from pipeline.report.html.aup_table import aup_section
from pipeline.report.statistics.stats import percentile_interval
from tests.report.comparisons.test_matched import facet_of
from tests.report.sweep import GEN_LENGTH, make_sweep

# GSM8K-CoT of d3LLM's data_llada.yaml
LEADERBOARD = {
    "LLaDA": [(1.0, 72.55)],
    "Fast-dLLM-LLaDA": [(1.0, 74.79), (2.77, 74.68)],
    "dParallel-LLaDA": [(1.0, 74.0), (5.14, 72.63)],
    "d3LLM-LLaDA": [(1.0, 74.02), (9.08, 73.1)],
}
fast = settings(max_examples=150, deadline=None)
methods = st.lists(
    st.tuples(st.integers(4, 60).map(lambda tpf: tpf / 4), st.integers(1, 100).map(float)),
    min_size=1,
    max_size=7,
    unique_by=lambda pair: pair[0],
)


def plainly(pairs, y_max):
    """The formula as it is written, pair by pair."""
    pairs = sorted(pairs)
    pairs = [(tpf, y) for tpf, y in pairs if y >= pairs[0][1] - 5]

    def weighted(y):
        return y * min(math.exp(-3 * (1 - y / y_max)), 1)

    found = pairs[0][0] * pairs[0][1]
    for (before, y_before), (tpf, y) in itertools.pairwise(pairs):
        found += (tpf - before) * (weighted(y) + weighted(y_before)) / 2
    return found


@fast
@given(st.lists(methods, min_size=1, max_size=4))
def test_area_is_the_formulas_of_each_method_alone(pool):
    y_max = max(y for pairs in pool for _, y in pairs)
    width = max(map(len, pool))
    tpf, accuracy = (
        np.array([[pair[place] for pair in pairs] + [np.nan] * (width - len(pairs)) for pairs in pool])
        for place in (0, 1)
    )
    assert area(tpf, accuracy, y_max).tolist() == pytest.approx([plainly(pairs, y_max) for pairs in pool])
    for row, pairs in enumerate(pool):
        left = set(zip(*(own[row].tolist() for own in kept(tpf, accuracy)), strict=True))
        first = min(pairs)[1]
        assert left == {pair for pair in pairs if pair[1] >= first - 5}


def test_the_leaderboards_order_on_gsm8k() -> None:
    """A method without loss gets the area itself; each of these has more than the one before."""
    y_max = 74.79
    found = [
        float(area(*(np.array(values) for values in zip(*pairs, strict=True)), y_max))
        for pairs in LEADERBOARD.values()
    ]
    assert found == sorted(found)
    assert found[0] == 72.55
    assert found[1] == pytest.approx(74.79 + 1.77 / 2 * (74.79 + 74.68 * math.exp(-3 * 0.11 / 74.79)))


@fast
@given(methods)
def test_near_the_best_no_mix_of_settings_is_faster(pairs):
    """Of all pairs; a setting near the best counts, and one more never slows."""
    best = max(y for _, y in pairs)
    tpf, accuracy = (np.array(values)[None] for values in zip(*pairs, strict=True))
    (found,), (seen,) = near_best(accuracy, 1 / tpf, accuracy[0], 1.0)
    assert found == seen >= max(own for own, y in pairs if y >= best - 1) - 1e-9
    reached = []
    for a, y_a in pairs:
        for b, y_b in pairs:
            missing = max(best - 1 - y_a, 0.0)
            if missing <= max(y_b - y_a, 0.0):
                share = missing / (y_b - y_a) if missing else 0.0
                reached.append(1 / ((1 - share) / a + share / b))
    assert found == pytest.approx(max(reached))


@fast
@given(methods, st.floats(0, 5), st.floats(0, 5))
def test_a_wider_margin_never_lowers_the_area_of_a_front(pairs, first, more):
    tpf, accuracy = (np.array(sorted(values)) for values in zip(*pairs, strict=True))
    falling = accuracy[::-1]
    assert area(tpf, falling, 100.0, first) <= area(tpf, falling, 100.0, first + more) + 1e-9


def test_a_point_exactly_as_far_below_counts_however_it_is_rounded() -> None:
    """100 * 0.55 is a little more than 55; d3LLM reads 55.0 and 50.0."""
    accuracy = 100 * np.array([0.55, 0.5])
    assert accuracy[0] - 5 > 50
    assert kept(np.array([1.0, 2.0]), accuracy)[0].tolist() == [1, 2]
    assert kept(np.array([1.0, 2.0]), accuracy - [0, 0.01])[0].tolist() == [1, 1]


@pytest.mark.slow
def test_every_front_has_its_area_with_an_interval_under_both_conventions() -> None:
    facet = facet_of(make_sweep(gain=0.3, faster=0.8), NOTHING)
    base, axon = facet.aups
    assert (base.side.name, axon.side.name, base.pool) == ("base", "AXON", ("base", "AXON"))
    points = facet.points
    assert base.y_max == axon.y_max == pytest.approx(100 * points["quality"].max())
    for own in (base, axon):
        on = points[(points["group"] == own.side.name) & points["group_front"]].drop_duplicates(
            ["nfe", "quality"]
        )
        pairs = [(GEN_LENGTH / row.nfe, 100 * row.quality) for row in on.itertuples()]
        assert own.canvas.estimate == pytest.approx(plainly(pairs, own.y_max))
        ended = [(tpf * 40 / GEN_LENGTH, y) for tpf, y in pairs]
        assert own.to_eos.estimate == pytest.approx(plainly(ended, own.y_max))
        assert len(own.pairs) + own.left_out == len(on)
        assert own.canvas.lo < own.canvas.estimate < own.canvas.hi
        assert own.near.lo <= own.near.estimate <= own.near.hi
    assert axon.canvas.estimate > base.canvas.estimate
    section = aup_section(facet)
    assert "alpha 3" in section and f"{base.y_max:.4g}" in section and "base and AXON" in section
    assert "1 point, but at least 3 answers, below its best" in section


def test_lower_ends_allow_twice_for_the_choice_of_settings() -> None:
    """Once for that of the sample and once for each replicate's, of an area by its size, of a TPF by its times."""
    drawn, n = np.random.default_rng(0).normal(100.0, 5.0, 1000), 40
    plain = percentile_interval(100.0, drawn, n)
    own = _interval(np.float64(100.0), np.stack([drawn, drawn - 2.0, drawn, drawn]), n)
    assert own == pytest.approx((100.0, plain.lo - 4.0, plain.hi))
    assert _near(100.0, np.stack([drawn, drawn / 1.1]), n) == pytest.approx(
        (100.0, plain.lo / 1.21, plain.hi)
    )


@pytest.mark.slow
def test_nothing_is_said_where_tokens_are_unknown() -> None:
    sweep = make_sweep()
    for row in sweep.rows:
        row["tokens_generated"] = None
    facet = facet_of(sweep, NOTHING)
    assert facet.aups == () and aup_section(facet) == ""


@pytest.mark.slow
@pytest.mark.parametrize("examples", [9, 10])
def test_a_few_examples_have_no_area(examples) -> None:
    assert len(facet_of(make_sweep(examples=examples), NOTHING).aups) == (2 if examples == 10 else 0)
