"""Quality at matched NFE: fronts between their settings, pairs like with like, nothing beyond what was tried."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pipeline.errors import ConfigError
from pipeline.report import find
from pipeline.report.asked import Asked
from pipeline.report.comparisons.matched import Drawn, _heights, heights, lines_of, match_nfe, round_budgets
from pipeline.report.facet import Facet
from pipeline.report.statistics.pareto import non_dominated
from pipeline.report.statistics.sample import Sample, draw
from pipeline.report.statistics.sides import pairs_of, sides_of
from pipeline.report.statistics.stats import means, tango_interval
from pipeline.report.words.matched_table import matched_section, matched_table, matched_terminal
from tests.report.sweep import Sweep, changed, make_sweep

fast = settings(max_examples=80, deadline=None)
knots = st.lists(
    st.tuples(st.integers(0, 10).map(lambda q: q / 10), st.integers(1, 24).map(float)), min_size=1, max_size=8
)


def facet_of(sweep: Sweep, asked: Asked) -> Facet:
    (facet,) = find([sweep.run], sweep.records, asked=asked).facets
    return facet


@fast
@given(st.lists(knots, min_size=1, max_size=3), st.lists(st.integers(0, 26).map(float), min_size=1))
def test_a_front_is_linear_between_its_points_and_flat_beyond(sets, budgets):
    """Of each replicate alone, whatever the others; dominated settings change nothing."""
    width = max(map(len, sets))
    quality, nfe = (
        np.array([[own[place] for own in points] + [np.nan] * (width - len(points)) for points in sets])
        for place in (0, 1)
    )
    line, _ = lines_of(quality, nfe)
    found, seen = heights(quality, nfe, np.arange(width) / 10, line, np.array(budgets))
    for row, points in enumerate(sets):
        q, n = np.array(points).T
        on = np.flatnonzero(non_dominated(q, n))
        on = on[np.argsort(n[on], kind="stable")]
        assert np.allclose(found[row], np.interp(budgets, n[on], q[on]))
        assert (np.diff(np.interp(sorted(budgets), n[on], q[on])) >= -1e-12).all()
        assert (seen[row] <= on.max() / 10 + 1e-12).all()


@fast
@given(knots, st.lists(st.integers(0, 26).map(float), min_size=1))
def test_a_mix_of_any_two_settings_is_reached_where_settings_are_mixed(points, budgets):
    """The best of all pairs, of which the front's neighbours are some; chosen by the sample they are as good in it."""
    quality, nfe = np.array(points).T[:, None]
    (front, _), (mixed, seen) = (
        heights(quality, nfe, quality[0], line, np.array(budgets)) for line in lines_of(quality, nfe)
    )
    assert (mixed >= front - 1e-12).all() and np.array_equal(mixed, seen)
    start = min(n for _, n in points)
    for budget, found in zip(budgets, mixed[0], strict=True):
        reached = max(budget, start)
        best = max(q for q, n in points if n <= reached)
        pairs = ((a, b) for a in points for b in points if a[1] <= reached < b[1])
        best = max(best, *(np.interp(reached, (a[1], b[1]), (a[0], b[0])) for a, b in pairs), 0)
        assert np.isclose(found, best)


@fast
@given(st.floats(0.5, 300), st.just(0.0) | st.floats(1e-12, 300))
def test_default_budgets_are_a_few_round_numbers_within_reach(lo, width):
    budgets = round_budgets(lo, lo + width)
    assert 1 <= len(budgets) <= 6
    assert all(lo <= budget <= lo + width for budget in budgets)
    if width > 1e-6 * lo:
        assert len(budgets) >= 2
        steps = np.diff(budgets)
        assert np.allclose(steps, steps[0])
        assert float(f"{steps[0]:.1e}") == pytest.approx(steps[0])


@pytest.mark.slow
def test_a_budget_outside_what_was_tried_has_no_value() -> None:
    """AXON as good in half the steps: below the fastest base setting and above its slowest there is no difference."""
    sweep = make_sweep(faster=0.5)
    facet = facet_of(sweep, Asked(nfe=(1.0, 8.0, 14.0, 30.0, 500.0)))
    (own,) = facet.matched
    points = facet.points
    base, axon = points[~points["axon"]]["nfe"], points[points["axon"]]["nfe"]
    assert (own.lo, own.hi) == (max(base.min(), axon.min()), max(base.max(), axon.max()))
    first, below, inside, beyond, last = own.rows
    assert np.isnan([first.linear.front, first.linear.against, first.linear.difference.estimate]).all()
    assert (
        below.linear.front > 0
        and np.isnan([below.linear.against, below.linear.difference.estimate, below.linear.flattered]).all()
    )
    assert inside.linear.difference.lo <= inside.linear.difference.estimate <= inside.linear.difference.hi
    assert inside.held == () and beyond.held == ("AXON",) and last.held == ()
    assert beyond.linear.front == points[points["axon"]]["quality"].max()
    assert np.isnan([last.linear.front, last.linear.against, last.linear.difference.estimate]).all()
    section, table = matched_section(facet), matched_table([facet])
    assert section.count("<tr>") == 1 + len(own.rows) and "kept" in section
    assert table["difference"].notna().tolist() == [False, False, True, True, False]


@pytest.mark.slow
def test_equal_decodes_differ_by_nothing_at_any_budget() -> None:
    (own,) = facet_of(make_sweep(gain=0.0, anchors=(None, 1)), Asked()).matched
    assert len(own.rows) >= 2
    assert all(row.linear.difference.estimate == row.linear.flattered == 0 for row in own.rows)
    assert all(row.linear.difference.lo <= 0 <= row.linear.difference.hi for row in own.rows)


@pytest.mark.slow
def test_what_is_compared_is_told_in_figures_that_differ() -> None:
    made = facet_of(make_sweep(faster=0.5), Asked())
    (own,) = made.matched
    for lo, hi, told in (
        (3.51, 4.48, "from 3.5 to 4.5 NFE: shown at round numbers between"),
        (8.31, 8.34, "from 8.31 to 8.34 NFE: shown at"),
        (8.35, 8.35, "at 8.35 NFE alone. Paired"),
    ):
        facet = replace(made, matched=(replace(own, lo=lo, hi=hi),))
        assert f"The fronts can be compared {told}" in matched_section(facet)


@pytest.mark.slow
def test_fronts_are_compared_like_with_like() -> None:
    """With AXON against without, of the same decoder; or all others against the group that is named."""
    sweep = make_sweep()
    for setting_id, setting in list(sweep.settings.items()):
        other = f"dawn-{setting_id}"
        sweep.settings[other] = replace(changed(setting, decoder="dawn"), id=other)
        sweep.rows += [row | {"setting_id": other} for row in sweep.rows if row["setting_id"] == setting_id]
    facet = facet_of(sweep, Asked())
    assert [(own.front.name, own.against.name) for own in facet.matched] == [
        ("AXON (confidence)", "base (confidence)"),
        ("AXON (dawn)", "base (dawn)"),
    ]
    named = facet_of(sweep, Asked(against="AXON")).matched
    assert [(own.front.name, own.against.name) for own in named] == [
        ("base (confidence)", "AXON (confidence)"),
        ("base (dawn)", "AXON (dawn)"),
    ]
    with pytest.raises(ConfigError, match="against=AXN: unknown; one of base, AXON"):
        facet_of(sweep, Asked(against="AXN"))


@pytest.mark.slow
def test_each_pair_has_round_budgets_of_its_own_and_the_legend_stands_once() -> None:
    """A decoder with a fifth of the steps: budgets of both together would lie outside what one of them covers."""
    sweep = make_sweep()
    for setting_id, setting in list(sweep.settings.items()):
        other = f"dawn-{setting_id}"
        sweep.settings[other] = replace(changed(setting, decoder="dawn"), id=other)
        own = [row for row in sweep.rows if row["setting_id"] == setting_id]
        sweep.rows += [row | {"setting_id": other, "nfe": row["nfe"] // 5 + 1} for row in own]
    facet = facet_of(sweep, Asked())
    budgets = [[row.nfe for row in own.rows] for own in facet.matched]
    assert budgets == [list(round_budgets(own.lo, own.hi)) for own in facet.matched]
    assert budgets[0] != budgets[1] and min(map(len, budgets)) > 1
    assert matched_table([facet])["difference"].notna().all()
    section, console = matched_section(facet), Console(width=100, record=True, file=io.StringIO())
    console.print(*matched_terminal(facet))
    told = " ".join(console.export_text().split())
    for text in (section, told):
        assert text.count("can be compared from") == 2 and text.count("By choice: what") == 1


@pytest.mark.slow
def test_without_axon_all_are_compared_with_the_first_and_never_with_what_was_imported() -> None:
    facet = facet_of(make_sweep(), Asked())
    base, axon = sides_of(facet.points, facet.settings)
    other = replace(base, name="other", group="other", decoder="dawn")
    assert pairs_of([base, other]) == [(other, base)]
    assert pairs_of([base]) == []
    assert pairs_of([replace(base, name="theirs", ours=False), base, axon]) == [(axon, base)]
    near = replace(base, run="another")
    apart = replace(base, frame={**base.frame, "cache": "dual"})  # of its own run, and differs in more
    assert pairs_of([apart, near, axon]) == [(axon, near)]
    theirs = replace(base, name="theirs", group="theirs", run="theirs", ours=False)
    assert pairs_of([theirs, base, axon], against="theirs") == [(base, theirs), (axon, theirs)]


@pytest.mark.slow
def test_a_few_examples_are_not_compared() -> None:
    assert facet_of(make_sweep(examples=9), Asked()).matched == ()
    assert matched_section(facet_of(make_sweep(examples=9), Asked())) == ""


@pytest.mark.slow
def test_choosing_among_many_settings_does_not_make_a_front_better() -> None:
    """Ten variants as good as the base, each with luck of its own: few intervals exclude 0, without correction many."""
    rng = np.random.default_rng(5)
    made = facet_of(make_sweep(anchors=(None, *range(1, 11))), Asked())
    setup = made.points[["run", "complete"]], made.settings
    wrong, plain = [0, 0], [0, 0]
    for _ in range(40):
        correct = rng.random((len(made.settings), 100)) < np.tile([0.5, 0.6, 0.7, 0.8], 11)[:, None]
        cost = np.tile([10.0, 14.0, 18.0, 22.0], 11)[:, None] + rng.normal(0, 0.5, (1, 100))
        sample = Sample(correct.astype(float), cost)
        points = pd.DataFrame({"quality": means(sample.quality_SN), "nfe": means(sample.nfe_SN), "n": 100})
        (own,) = match_nfe(setup[0].join(points), setup[1], draw(sample), Asked(nfe=(16.0,)))
        (row,) = own.rows
        assert row.linear.flattered > 0
        for place, line in enumerate((row.linear, row.mixed)):
            wrong[place] += line.difference.lo > 0
            plain[place] += line.difference.lo + 2 * line.flattered > 0
    assert max(wrong) <= 2
    assert min(plain) >= 5


@pytest.mark.slow
def test_no_difference_on_a_few_examples_is_not_taken_for_none() -> None:
    """All right, or all half right, on both sides: the bootstrap draws no difference at all. Graded scores of which
    some differ keep the bootstrap's ends.
    """
    made = facet_of(make_sweep(examples=30, anchors=(None, 1)), Asked())
    cost = np.tile([10.0, 14.0, 18.0, 22.0], 2)[:, None] + np.random.default_rng(0).normal(0, 0.5, (1, 30))
    alike, differing = tango_interval(0, 0, 30).hi, np.tile([0.5, 0.52], 15)
    for scores, least in ((np.ones(30), alike), (np.full(30, 0.5), alike), (differing, None)):
        sides = np.tile(scores, (8, 1))
        if least is None:
            sides[4:] = sides[4:, ::-1]  # the second side's scores are the other way round
        sample = Sample(sides, cost)
        points = pd.DataFrame({"quality": means(sample.quality_SN), "nfe": means(sample.nfe_SN), "n": 30})
        points = made.points[["run", "complete"]].join(points)
        (own,) = match_nfe(points, made.settings, draw(sample), Asked(nfe=(12.0,)))
        if least is None:
            assert 0 < own.rows[0].linear.difference.hi < 0.01
            continue
        assert own.rows[0].linear.difference == pytest.approx((0.0, -least, least), abs=1e-9)
        assert own.rows[0].mixed == own.rows[0].linear


@pytest.mark.parametrize("binary", [False, True])
def test_the_other_way_round_a_difference_is_turned_round(binary: bool) -> None:
    """And each end allows twice for the choice that flatters the front that would profit."""
    rng = np.random.default_rng(0)
    one, other = (
        Drawn(np.array([height]), np.array([height]), height + rng.normal(0, 0.02, (500, 1)), np.array([up]))
        for height, up in ((0.7, 0.03), (0.6, 0.01))
    )
    plain = (own._replace(flattered_G=np.array([0.0])) for own in (one, other))
    (there,), (back,), (unmoved,) = (
        _heights(*pair, binary, 50) for pair in ((one, other), (other, one), tuple(plain))
    )
    turned = back.difference
    assert there.difference == pytest.approx((-turned.estimate, -turned.hi, -turned.lo))
    assert there.flattered == -back.flattered == pytest.approx(0.02)
    if not binary:
        assert np.subtract(there.difference, unmoved.difference) == pytest.approx([0, -0.06, 0.02])


@pytest.mark.slow
def test_a_front_is_held_beyond_its_slowest_setting_alone_and_ten_examples_are_enough() -> None:
    made = facet_of(make_sweep(examples=30, anchors=(None, 1)), Asked())
    steps = np.repeat([[10.0], [14.0], [18.0], [22.0], [10.0], [14.0], [18.0], [20.0]], 30, axis=1)
    sample = Sample(np.tile([0.5, 0.6], (8, 15)), steps)
    points = pd.DataFrame({"quality": means(sample.quality_SN), "nfe": steps[:, 0], "n": [10] * 4 + [30] * 4})
    points = made.points[["run", "complete"]].join(points)
    (own,) = match_nfe(points, made.settings, draw(sample), Asked(nfe=(20.0, 22.0)))
    assert own.n == 10 and [row.held for row in own.rows] == [(), ("AXON",)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["base", "confidence + coverage_gap/fixed"])
def test_in_80_columns_a_budget_is_a_line(name: str) -> None:
    """However long the fronts' names are, which the title tells."""
    sweep = make_sweep()
    sweep.settings = {
        sid: one if one.uses_axon else replace(one, group=name) for sid, one in sweep.settings.items()
    }
    facet, console = facet_of(sweep, Asked()), Console(width=80, record=True, file=io.StringIO())
    console.print(*matched_terminal(facet))
    lines = console.export_text().splitlines()
    for row in facet.matched[0].rows:
        [line] = (line for line in lines if line.split()[:1] == [f"{row.nfe:g}"])
        assert line.count("]") == 2 and len(line.split()) == 10
    assert name in " ".join(" ".join(lines).split())


@pytest.mark.slow
def test_a_front_that_may_be_as_good_between_two_settings_far_apart_is_marked() -> None:
    """Both sides are of one curve that bends: at its two ends they agree, and between them the line lies lower."""
    sweep = make_sweep(anchors=(None, 1), thresholds=(0.1, 0.3, 0.5, 0.7, 0.9))
    sweep.drop("0.3-1", "0.5-1", "0.7-1")
    facet = facet_of(sweep, Asked(nfe=(16.0,)))
    ((row,),) = (own.rows for own in facet.matched)
    assert row.linear.difference.hi < 0 and row.open == ("AXON",)
    assert "‡: the front&#x27;s next slower setting" in matched_section(facet)
    assert matched_table([facet])["open"].tolist() == ["AXON"]
    (turned,) = (own.rows[0] for own in facet_of(sweep, Asked(nfe=(16.0,), against="AXON")).matched)
    assert turned.linear.difference.lo > 0 and turned.open == ("AXON",)
    worse = make_sweep(gain=-2.0, anchors=(None, 1))
    ((row,),) = (own.rows for own in facet_of(worse, Asked(nfe=(25.0,))).matched)
    assert row.linear.difference.hi < 0 and row.open == ()
