"""From records to points: sums over sums, unscored is not 0, partial settings are marked."""

import numpy as np
import pandas as pd
import pytest

from pipeline.report import facet as facet_module
from pipeline.report import find, find_points
from pipeline.report import findings as findings_module
from tests.report.sweep import make_record, make_run, make_setting, make_sweep
from tests.report.verdict import facet_of, found_in

RUN = make_run([make_setting("a", 0.5, 1)])


def point(rows):
    return find([RUN], pd.DataFrame(rows)).points.iloc[0]


@pytest.mark.slow
def test_ratios_are_sums_over_sums():
    rows = [make_record("a", 0, 1.0, 10), make_record("a", 1, 0.0, 30)]
    rows[1]["tokens_generated"] = 32
    found = point(rows)
    assert found["nfe"] == 20
    assert found["tokens_per_step"] == (64 + 32) / 40  # the mean of the ratios would be 3.73
    assert found["axon_share"] == 4 / 40
    assert found["firing_rate"] == 4 / 6
    assert found["batch_seconds"] == pytest.approx(0.12)
    assert found["capture_share"] == pytest.approx(0.02 / 0.24)
    assert found["tokens_per_second"] == pytest.approx(96 / 0.24)
    rows[1]["nfe_to_eos"] = None  # not known of one: the ratio is of the others
    assert point(rows)["nfe_to_eos"] == 10


@pytest.mark.slow
def test_decoding_order_is_the_mean_over_examples_that_have_one():
    rows = [make_record("a", n, 1.0, 10) for n in range(3)]
    rows[1]["revealed_at"] = rows[1]["revealed_at"][::-1]
    rows[2]["revealed_at"] = [0] * len(rows[2]["revealed_at"])
    assert point(rows[:1])["kendall_tau"] == 1
    assert point(rows)["kendall_tau"] == 0
    assert np.isnan(point(rows[2:])["kendall_tau"])


def test_answers_that_fill_their_last_block_have_their_own_decoding_order():
    """With absolute blocks answers differ in length: none is cut, and none is filled with steps."""
    rows = [make_record("a", n, 1.0, 10) for n in range(2)]
    for row, order in zip(rows, ([0, 1, 2, 3], [5, 4, 3, 2, 1, 0]), strict=True):
        row |= {"tokens": [7] * len(order), "revealed_at": order}
    assert point(rows)["kendall_tau"] == 0


def test_unscored_is_left_out_of_everything_and_counted():
    rows = [make_record("a", 0, 1.0, 10), make_record("a", 1, None, 50), make_record("a", 2, None, None)]
    found = point(rows)
    assert (found["n"], found["unscored"], found["quality"], found["nfe"]) == (1, 2, 1.0, 10.0)


@pytest.mark.slow
def test_repeated_records_count_once_and_order_does_not_matter():
    sweep = make_sweep()
    once = facet_of(sweep)
    mixed = pd.concat([sweep.records, sweep.records.head(50)]).sample(frac=1, random_state=0)
    (again,) = find([sweep.run], mixed).facets
    pd.testing.assert_frame_equal(once.points, again.points)
    assert once.hypervolumes == again.hypervolumes and once.summary == again.summary


def test_records_of_other_settings_are_ignored():
    rows = [make_record("a", 0, 1.0, 10), make_record("other", 0, 0.0, 99)]
    assert point(rows)["n"] == 1


@pytest.mark.slow
def test_half_covered_setting_is_partial_and_on_no_front():
    sweep = make_sweep(examples=40)
    records = sweep.records
    lucky = "0.3-1"  # scored on its first ten examples only, all of them right
    kept = records[(records["setting_id"] != lucky) | (records["position"] < 10)].copy()
    kept.loc[kept["setting_id"] == lucky, "score"] = 1.0
    (found,) = find([sweep.run], kept).facets
    row = found.points.set_index("setting_id").loc[lucky]
    assert not row["complete"] and not row["front"] and not row["group_front"] and row["quality"] == 1.0
    assert any("1 setting scored on fewer than 95 %" in warning for warning in found.summary.warnings)


@pytest.mark.slow
@pytest.mark.parametrize("bare", [{"0.3-1"}, {"0.3-1", "0.3-None", "0.5-1", "0.5-None"}])
def test_a_setting_without_a_score_is_not_said_to_be_shown(bare):
    sweep = make_sweep(examples=20, anchors=(None, 1), thresholds=(0.3, 0.5))
    records = sweep.records.copy()
    records.loc[records["setting_id"].isin(bare), ["score", "error"]] = [None, "scoring: it broke"]
    (found,) = find([sweep.run], records).facets
    assert not any("shown" in warning for warning in found.summary.warnings)
    told = "1 setting without a scored example: in no figure and in no comparison."
    assert (told in found.summary.warnings) == (len(bare) == 1)


@pytest.mark.parametrize(("scored", "complete"), [(18, False), (19, True)])
def test_a_setting_scored_on_95_percent_of_the_examples_is_compared(scored, complete):
    sweep = make_sweep(examples=20, anchors=(None,), thresholds=(0.3, 0.5))
    sweep.rows = [row for row in sweep.rows if row["setting_id"] != "0.5-None" or row["position"] < scored]
    assert found_in(sweep).points["complete"].tolist() == [True, complete]


@pytest.mark.slow
def test_groups_have_their_own_fronts():
    found = found_in(make_sweep(gain=1.0)).points
    assert set(found.loc[found["group_front"], "group"]) == {"base", "AXON"}
    assert found.loc[found["front"], "group_front"].all()


@pytest.mark.slow
def test_equal_settings_share_the_front():
    sweep = make_sweep(gain=0.0, anchors=(None, 1))  # AXON that changes nothing
    found = found_in(sweep).points
    twins = found.groupby("knob.threshold")["front"].nunique()
    assert (twins == 1).all()


def test_examples_beyond_the_runs_limit_are_not_its():
    """The store may hold more, from a run with a higher limit."""
    rows = [make_record("a", 0, 1.0, 10), make_record("a", 1, 0.0, 10)]
    short = make_run(list(RUN.settings), limit=1)
    assert find([short], pd.DataFrame(rows)).points["quality"].tolist() == [1.0]


@pytest.mark.parametrize("runs", [[], [make_run([])]])
def test_a_report_on_nothing_is_refused(runs):
    with pytest.raises(ValueError, match="at least one setting"):
        find(runs, pd.DataFrame())


def test_nothing_scored_is_no_number():
    found = point([make_record("a", 0, None, None)])
    assert found["n"] == 0 and np.isnan(found["quality"]) and not found["complete"]


@pytest.mark.slow
def test_points_alone_are_those_of_the_findings_and_nothing_else_is_made(monkeypatch):
    sweep = make_sweep(gain=1.0, examples=12)
    other = make_run(list(make_sweep(prefix="b").settings.values()), name="other")
    runs = [sweep.run, other]
    expected = find(runs, sweep.records).points

    def unasked(*_):
        raise AssertionError("nobody asked for it")

    for module, name in (
        *((facet_module, own) for own in ("calibrate", "match_nfe", "aups", "make_views", "summarise")),
        (findings_module, "compare"),
    ):
        monkeypatch.setattr(module, name, unasked)
    pd.testing.assert_frame_equal(find_points(runs, sweep.records), expected)
    with pytest.raises(ValueError, match="at least one setting"):
        find_points([], pd.DataFrame())
