"""Several runs in one report: a setting of two runs is a point of each, and evidence only once."""

from dataclasses import replace

import pandas as pd
import pytest

from pipeline.report import find, write_report
from pipeline.report.entries import run_names
from tests.report.sweep import make_run, make_sweep
from tests.report.verdict import facet_of
from tests.report.written import Page, printed


def part_of(sweep, name, *anchors, **kinds):
    """A run that has the base settings and AXON's with these anchors."""
    ends = ("None", *map(str, anchors))
    settings = [own for sid, own in sweep.settings.items() if sid.rpartition("-")[2] in ends]
    return make_run(settings, name=name, **kinds)


def two_runs(**kinds):
    sweep = make_sweep(gain=1.0, faster=0.8, **kinds)
    return sweep, [part_of(sweep, "first", 1), part_of(sweep, "second", 2)]


@pytest.mark.slow
def test_shared_settings_are_a_point_of_each_run():
    sweep, runs = two_runs()
    (facet,) = find(runs, sweep.records).facets
    points = facet.points
    assert points["group"].drop_duplicates().tolist() == [
        "first: base",
        "first: AXON",
        "second: base",
        "second: AXON",
    ]
    assert points["run"].tolist() == 8 * ["first"] + 8 * ["second"]
    assert not points.duplicated(["run", "setting_id"]).any() and points["setting_id"].duplicated().sum() == 4
    alone = facet_of(sweep).points.set_index("setting_id")
    for column in ("quality", "nfe", "quality_lo", "nfe_hi", "decode", "n"):
        assert (points.set_index("setting_id")[column] == alone[column].loc[points["setting_id"]]).all()


@pytest.mark.slow
def test_shared_settings_are_evidence_once():
    """Two runs with a base in common are compared as one run with all settings would be."""
    sweep, runs = two_runs()
    (pooled,), (whole,) = find(runs, sweep.records).comparisons, facet_of(sweep).comparisons
    assert (pooled.n, pooled.outcome, pooled.critical) == (whole.n, whole.outcome, whole.critical)
    assert [own.difference for own in pooled.effects] == [own.difference for own in whole.effects]
    assert [own.saving for own in pooled.effects] == [own.saving for own in whole.effects]


@pytest.mark.slow
def test_the_same_run_twice_changes_no_verdict():
    sweep = make_sweep(gain=1.0, faster=0.8, examples=40)
    (twice,) = find([sweep.run, sweep.run], sweep.records).comparisons
    (once,) = facet_of(sweep).comparisons
    assert [own.difference for own in twice.effects] == [own.difference for own in once.effects]
    assert twice.cohort.asked == once.cohort.asked


@pytest.mark.slow
def test_a_variant_of_two_runs_is_named_by_the_first():
    """The other run may have set it for all its settings, so that no knob of its own says so."""
    sweep = make_sweep(gain=1.0, faster=0.8)
    first = part_of(sweep, "first", 1, 2)
    settings = [
        replace(own, knobs={key: value for key, value in own.knobs.items() if key != "axon.anchors"})
        for own in part_of(sweep, "second", 1).settings
    ]
    (facet,) = find([first, make_run(settings, name="second")], sweep.records).facets
    assert (
        "] mean quality with anchors=1 in group “first: AXON”, the best of 2 variants."
        in facet.summary.verdicts[0].short
    )


@pytest.mark.slow
def test_a_group_that_is_one_setting_is_quoted_in_sentences():
    """Its name may be any text, such as a run's."""
    sweep = make_sweep(gain=1.0, thresholds=(0.5,), anchors=(None, 1), examples=30)
    base, axon = ([own for own in sweep.settings.values() if own.uses_axon == uses] for uses in (False, True))
    runs = [make_run(base, name="the old one"), make_run(axon, name="with it")]
    told = find(runs, sweep.records).verdict
    assert "group “with it: AXON”: quality " in told and "with with it" not in told


@pytest.mark.slow
def test_base_and_axon_may_be_of_different_runs():
    sweep = make_sweep(gain=1.0, faster=0.8)
    base = make_run([own for own in sweep.settings.values() if not own.uses_axon], name="alone")
    axon = make_run([own for own in sweep.settings.values() if own.uses_axon], name="with AXON")
    found = find([base, axon], sweep.records)
    assert found.title == "alone and with AXON" and found.comparisons[0].outcome == "yes"


@pytest.mark.slow
def test_records_of_a_run_stay_its_own():
    """Two stores that hold the same setting, decoded differently: column `run` says whose a record is."""
    sweep = make_sweep(anchors=(None,), examples=20)
    worse = sweep.records.assign(score=0.0, nfe=1, tokens=[[1]] * len(sweep.records), run=1)
    records = pd.concat([sweep.records.assign(run=0), worse], ignore_index=True)
    (facet,) = find([sweep.run, replace(sweep.run, name="worse")], records).facets
    points = facet.points
    alone = facet_of(sweep).points
    assert points["quality"].tolist() == [*alone["quality"], *([0.0] * 4)]
    assert points["decode"].nunique() == 5
    assert (points["n"] == 20).all()


@pytest.mark.slow
def test_a_run_without_records_is_shown_unscored(tmp_path):
    sweep = make_sweep(gain=1.0, faster=0.8)
    records = sweep.records[~sweep.records["setting_id"].str.endswith("-2")]
    empty = make_run([own for sid, own in sweep.settings.items() if sid.endswith("-2")], name="empty")
    report = write_report(tmp_path, [part_of(sweep, "first", 1), empty], records, [])
    points = report.findings.points
    assert (points.loc[points["run"] == "empty", "n"] == 0).all() and "empty: AXON" in printed(report)
    assert report.findings.comparisons[0].outcome == "yes"


@pytest.mark.slow
def test_a_run_of_a_search_with_one_trade_off_value_is_compared_in_pairs(tmp_path):
    """A searcher may have asked for one value only, or for other ones with AXON than without."""
    sweep = make_sweep(gain=1.0, thresholds=(0.5,), anchors=(None, 1))
    report = write_report(tmp_path / "one", [sweep.run], sweep.records, [])
    assert len(report.findings.comparisons[0].pairs) == 1 and printed(report)
    apart = make_sweep(gain=1.0, thresholds=(0.3, 0.5), anchors=(None, 1))
    apart.drop("0.3-None", "0.5-1")
    report = write_report(tmp_path / "apart", [apart.run], apart.records, [])
    assert "no two settings have the same trade-off value" in report.findings.verdict


@pytest.mark.slow
def test_rows_of_page_and_figure_are_those_of_the_run(tmp_path):
    sweep, runs = two_runs(examples=20)
    report = write_report(tmp_path, runs, sweep.records, [])
    html = report.page.read_text(encoding="utf-8")
    assert sorted(Page(html).points) == list(range(16))
    assert "first: base" in html and "second: base" in html
    text = printed(report)
    assert "first and second" in text and max(len(line) for line in text.splitlines()) <= 100


@pytest.mark.parametrize(
    ("names", "folders", "expected"),
    [
        (["a", "b"], ["x", "y"], ["a", "b"]),
        (["a", "a", "b"], ["x", "y", "z"], ["x", "y", "b"]),
        (["a", "a"], [], ["a #1", "a #2"]),
        (["a", "a"], ["x", "x"], ["x #1", "x #2"]),
    ],
)
def test_runs_of_one_name_are_distinct_names(names, folders, expected):
    assert run_names([make_run([], name=name) for name in names], folders) == expected


def test_a_name_that_a_user_gave_is_kept_whatever_the_others_are_called():
    runs = [make_run([], name=name) for name in ("a", "a", "b")]
    assert run_names(runs, ["x", "y", "z"], ["ours", None, None]) == ["ours", "a", "b"]
    assert run_names(runs, ["x", "y", "z"], ["b", None, "a"]) == ["b", "y", "a"]
    assert run_names(runs, ["x", "y", "z"], ["ours", None, "y"]) == ["ours", "a", "y"]
    assert run_names(runs, ["x", "y", "y"], ["y", "a", None]) == ["y", "a", "b"]
    assert run_names([*runs, runs[0]], ["x", "y", "z", "x"], ["x", None, None, None]) == [
        "x",
        "y",
        "b",
        "x #2",
    ]


@pytest.mark.slow
def test_settings_that_a_search_chose_by_their_scores_are_said_to_be_flattered():
    """With what tells how good one of them is: examples that the search didn't see."""
    sweep = make_sweep()
    told = {}
    for search in ("grid", "refine", "optuna", None):
        run = replace(sweep.run, config={"sweep": {"search": search}} if search else {})
        [facet] = find([run], sweep.records).facets
        told[search] = facet.summary.front
    assert told["grid"] == told[None] and "search" not in told["grid"]
    for search in ("refine", "optuna"):
        added = told[search].removeprefix(told["grid"])
        assert added.startswith(
            f" The search ({search}) chose settings by their scores on these same examples"
        )
        assert "another task.split" in added
