"""The probability of being on the front, what a group achieves, and the axes besides NFE."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from pipeline.report import find
from pipeline.report.data.points import mark_fronts
from pipeline.report.data.views import make_views
from pipeline.report.statistics import resampling, stats
from pipeline.report.statistics.bands import achieve
from pipeline.report.statistics.sample import Draws, Measure, Sample, draw
from tests.report.counts import count
from tests.report.sweep import make_sweep
from tests.report.verdict import facet_of, found_in

EXAMPLES = 25
outcomes = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.integers(1, 30), st.integers(0, 10)), min_size=1, max_size=6
)  # chance of a right answer, steps at least, spread of the steps
fast = settings(max_examples=20, deadline=None)


def marked(groups, seed=0):
    """Points and draws of made-up settings, one list of (chance, steps, spread) a group."""
    rng = np.random.default_rng(seed)
    rows = [(f"group {place}", *setting) for place, group in enumerate(groups) for setting in group]
    quality_SN = np.array([rng.random(EXAMPLES) < chance for _, chance, *_ in rows], dtype=float)
    nfe_SN = np.array(
        [least + rng.integers(0, spread + 1, EXAMPLES) for *_, least, spread in rows], dtype=float
    )
    none_S0 = np.zeros((len(rows), 0))
    measures = {
        "quality": Measure(resampling.outcomes(quality_SN), none_S0),
        "nfe": Measure(resampling.outcomes(nfe_SN), none_S0),
    }
    draws = Draws(
        stats.means(quality_SN),
        np.ones(len(rows), dtype=bool),
        measures,
        stats.draw_counts(EXAMPLES, replicates=200),
    )
    points = pd.DataFrame(
        {"group": [row[0] for row in rows], "n": EXAMPLES, "complete": True, "foreign": False}
    )
    for name, values_SN in (("quality", quality_SN), ("nfe", nfe_SN)):
        points[name] = stats.means(values_SN)
        points[f"{name}_lo"], points[f"{name}_hi"] = points[name] - 0.1, points[name] + 0.1
    for unknown in ("computed_positions", "flops"):
        points[unknown] = np.nan
    return mark_fronts(points, "nfe", draws), draws


@fast
@given(st.lists(outcomes, min_size=1, max_size=3), st.integers(0, 99))
def test_probability_of_the_front(groups, seed):
    points, draws = marked(groups, seed)
    assert points["on_front"].between(0, 1).all()
    for group, own in points.groupby("group"):
        assert own["on_front"].sum() >= 1 - 1e-9  # in every replicate somebody is on the front
        if len(own) == 1:
            assert own["on_front"].iloc[0] == 1, group
    # One by one, as the definition says it.
    [(quality_BS, nfe_BS)] = draws.blocks(np.arange(len(points)), "nfe")
    group = points["group"].to_numpy()
    for row in range(len(points)):
        rivals = np.flatnonzero(group == group[row])
        no_worse = (quality_BS[:, rivals] >= quality_BS[:, [row]]) & (nfe_BS[:, rivals] <= nfe_BS[:, [row]])
        better = (quality_BS[:, rivals] > quality_BS[:, [row]]) | (nfe_BS[:, rivals] < nfe_BS[:, [row]])
        assert points["on_front"].iloc[row] == pytest.approx(1 - (no_worse & better).any(axis=1).mean())


def test_what_is_beaten_by_far_is_never_on_the_front_and_equals_share_it():
    points, _ = marked([[(1.0, 5, 0), (0.0, 25, 0)], [(1.0, 5, 0), (1.0, 5, 0)], [(1.0, 5, 0)]])
    assert list(points["on_front"]) == [1, 0, 1, 1, 1]


@pytest.mark.slow
def test_partial_settings_have_no_probability_and_disturb_no_other():
    sweep = make_sweep(examples=40, anchors=(1, 2), thresholds=(0.3, 0.7))
    records = sweep.records
    records = records[(records["setting_id"] != "0.3-1") | (records["position"] < 10)]
    points = find([sweep.run], records).points.set_index("setting_id")
    assert np.isnan(points["on_front"]["0.3-1"]) and points["on_front"].drop("0.3-1").notna().all()
    without = make_sweep(examples=40, anchors=(1, 2), thresholds=(0.3, 0.7))
    without.drop("0.3-1")
    others = found_in(without).points.set_index("setting_id")
    assert (points["on_front"].drop("0.3-1") == others["on_front"]).all()


@pytest.mark.slow
@fast
@given(st.lists(outcomes, min_size=1, max_size=2), st.integers(0, 99))
def test_band_holds_the_front(groups, seed):
    points, draws = marked(groups, seed)
    (view,) = make_views(points, draws, 40.0)
    for group in set(points["group"]) - set(view.bands):  # whose examples all agree
        assert points.loc[(points["group"] == group) & points["group_front"], "quality"].isin([0, 1]).all()
    for group, band in view.bands.items():
        own = points[points["group"] == group]
        front_G = [own.loc[own["nfe"] <= budget, "quality"].max() for budget in band.budget_G]
        front_G = np.nan_to_num(front_G)  # 0 where nothing is within the budget
        assert (band.lo_G <= front_G).all() and (front_G <= band.hi_G).all()
        assert set(own.loc[own["group_front"], "nfe"]) <= set(band.budget_G)
        assert (np.diff(band.hi_G) >= -1e-9).all() and band.lo_G.min() >= 0 and band.hi_G.max() <= 1


def test_band_of_one_setting_is_the_bootstraps_interval():
    points, draws = marked([[(0.5, 5, 0)]])
    (view,) = make_views(points, draws, 40.0)
    (band,) = view.bands.values()
    [(quality_B1, _)] = draws.blocks(np.arange(1), "nfe")
    outside = stats.tail(int(points["n"].iloc[0]))
    ends = np.quantile(quality_B1, [outside, 1 - outside])
    assert band.hi_G[-1] - band.lo_G[-1] == pytest.approx(np.diff(ends)[0])


@pytest.mark.slow
def test_hypervolume_stands_in_its_interval():
    sweep = make_sweep(gain=1.0, examples=40)
    found = facet_of(sweep)
    assert len(found.hypervolumes) == 2
    for area in found.hypervolumes.values():
        assert 0 < area.lo < area.estimate < area.hi < 1


@pytest.mark.slow
def test_interval_covers_the_truth_where_nearly_all_are_right():
    """Exactly, over all that 40 examples can show: a group for each number of right answers, five steps each."""
    n, steps, reference = 40, 5.0, 10.0
    right = np.arange(n + 1)
    quality_SN = (np.arange(n) < right[:, None]).astype(float)
    ids = tuple(str(k) for k in right)
    draws = draw(Sample(quality_SN, np.full((n + 1, n), steps)))
    points = pd.DataFrame({"group": ids, "quality": right / n, "nfe": steps, "n": n, "complete": True})
    areas = [own.hypervolume for own in achieve(points, "nfe", draws, steps, reference).values()]
    for truth in (0.3, 0.5, 0.8, 0.9, 0.95, 0.97, 0.99):
        holds = [area.lo <= truth * (1 - steps / reference) <= area.hi for area in areas]
        assert 0.93 <= binom.pmf(right, n, truth)[holds].sum() <= 1


@pytest.mark.slow
def test_best_of_many_is_not_taken_at_its_word():
    """Forty groups of twelve settings that are all right four times of five: each group's best looks better."""
    groups, variants, n, truth = 40, 12, 100, 0.8
    quality_SN = (np.random.default_rng(0).random((groups * variants, n)) < truth).astype(float)
    draws = draw(Sample(quality_SN, np.full(quality_SN.shape, 5.0)))
    points = pd.DataFrame({"quality": quality_SN.mean(1), "nfe": 5.0, "n": n, "complete": True})
    points["group"] = np.repeat([f"group {place}" for place in range(groups)], variants)
    areas = [own.hypervolume for own in achieve(points, "nfe", draws, 5.0, 10.0).values()]
    assert np.mean([area.estimate for area in areas]) > truth / 2 + 0.02
    assert np.mean([area.lo <= truth / 2 <= area.hi for area in areas]) >= 0.9


@pytest.mark.slow
def test_axes_of_cost_are_offered_where_they_are_known():
    sweep = make_sweep(examples=10, thresholds=(0.3,))
    assert [view.cost.column for view in facet_of(sweep).views] == ["nfe"]
    count(sweep)
    found = facet_of(sweep)
    assert [view.cost.column for view in found.views] == ["nfe", "computed_positions", "flops"]
    sweep.rows = [row | ({"flops": None} if row["setting_id"] == "0.3-1" else {}) for row in sweep.rows]
    some = facet_of(sweep)
    assert [view.cost.column for view in some.views] == ["nfe", "computed_positions"]


def test_a_front_is_that_of_its_axis():
    """A long canvas takes few steps, each of them dear: on the front by steps, off it by positions."""
    sweep = count(make_sweep(anchors=(None,), thresholds=(0.3, 0.5), examples=30))
    for row in sweep.rows:
        if row["setting_id"] == "0.3-None":
            row["computed_positions"], row["score"] = row["computed_positions"] * 10, 0.0
    nfe, positions, _ = facet_of(sweep).views
    assert list(nfe.points["group_front"]) == [True, True]
    assert list(positions.points["group_front"]) == [False, True]
    assert positions.points["on_front"].iloc[0] == 0
