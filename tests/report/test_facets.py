"""Several tasks, models and runs in one report: nothing is pooled that has no common scale."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from pipeline.report import find, write_report
from pipeline.report.entries import distinct_names
from tests.report.sweep import changed, make_run, make_sweep
from tests.report.verdict import facet_of
from tests.report.written import Page, printed

PLACES = [("arith", "tiny"), ("arith", "small"), ("lists", "tiny"), ("lists", "small")]


def on(task, model, **kinds):
    """A sweep on that task with that model, with setting ids of its own."""
    sweep = make_sweep(prefix=f"{task}-{model}-", **kinds)
    sweep.change(task={"name": task}, model={"path": f"models/{model}"}, content=f"weights of {model}")
    return sweep


def together(*sweeps, **kinds):
    """A run with the settings of all sweeps, and all their records."""
    run = make_run([setting for sweep in sweeps for setting in sweep.settings.values()], **kinds)
    return run, pd.concat([sweep.records for sweep in sweeps], ignore_index=True)


def two_by_two(**kinds):
    return [on(*place, seed=number, examples=30, **kinds) for number, place in enumerate(PLACES)]


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """The report of the four facets, AXON better."""
    return write_report(tmp_path_factory.mktemp("four"), *as_runs(*two_by_two(gain=1.0)), ["a note"])


def figures(facet):
    """What doesn't depend on which other facets there are."""
    return facet.points.drop(columns=["task", "model", "run"])


@pytest.mark.slow
def test_each_task_and_model_is_a_facet_that_sees_no_other():
    sweeps = two_by_two(gain=1.0)
    found = find(*as_runs(*sweeps))
    assert [(facet.task, facet.model) for facet in found.facets] == PLACES
    for facet, sweep in zip(found.facets, sweeps, strict=True):
        alone = facet_of(sweep)
        pd.testing.assert_frame_equal(figures(facet), figures(alone))
        assert facet.hypervolumes == alone.hypervolumes and facet.reference_nfe == alone.reference_nfe
        assert facet.summary.swept == alone.summary.swept and facet.summary.front == alone.summary.front


def as_runs(*sweeps):
    run, records = together(*sweeps)
    return [run], records


@pytest.mark.slow
def test_all_points_are_in_one_table(four):
    table = pd.read_csv(four.table)
    assert list(table.groupby(["task", "model"], sort=False).groups) == PLACES
    assert len(table) == 4 * 12 and {"group", "group_front", "tokens_per_step", "metric.strict"} <= set(table)
    assert {"knob.threshold", "knob.anchors"} <= set(table)


@pytest.mark.slow
def test_the_error_rate_is_controlled_over_all_facets():
    sweeps = two_by_two(gain=0.3, anchors=(None, 1))
    found = find(*as_runs(*sweeps))
    for facet, sweep in zip(found.facets, sweeps, strict=True):
        (own,), (alone,) = facet.comparisons, facet_of(sweep).comparisons
        assert own.leading.difference.estimate == alone.leading.difference.estimate
        assert own.leading.difference.lo < alone.leading.difference.lo
        saved, saved_alone = own.leading.saving.fraction, alone.leading.saving.fraction
        assert saved.hi - saved.lo >= saved_alone.hi - saved_alone.lo
        assert "simultaneous over 4 comparisons" in str(facet.summary.verdicts[0])


@pytest.mark.slow
def test_settings_of_different_facets_are_never_compared():
    base, axon = on("arith", "tiny", anchors=(None,)), on("lists", "tiny", anchors=(1,))
    found = find(*as_runs(base, axon))
    assert found.comparisons == [] and len(found.facets) == 2
    assert "arith · tiny: No comparison" in found.verdict and "lists · tiny: No comparison" in found.verdict


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ({"split": "train"}, {}, ["arith (split=train)", "arith (split=test)"]),
        (
            {"seed": 3},
            {"split": "validation"},
            ["arith (split=test, seed=3)", "arith (split=validation, seed=0)"],
        ),
    ],
)
def test_facets_of_one_name_are_distinct_names(first, second, names):
    sweep = make_sweep(anchors=(None,), thresholds=(0.3, 0.5), examples=10)
    one, other = sweep.settings
    sweep.settings[one] = changed(sweep.settings[one], task=first)
    sweep.settings[other] = changed(sweep.settings[other], task=second)
    assert [facet.task for facet in find([sweep.run], sweep.records).facets] == names


def test_models_of_one_name_with_other_weights_are_two():
    things = [
        {"name": "tiny", "content": "aa"},
        {"name": "tiny", "content": "bb"},
        {"name": "big", "content": "c"},
    ]
    assert distinct_names(things) == ["tiny (content=aa)", "tiny (content=bb)", "big"]
    sweep = make_sweep(anchors=(None,), thresholds=(0.3, 0.5), examples=10)
    first = next(iter(sweep.settings))
    sweep.settings[first] = changed(sweep.settings[first], content="1234567890")
    assert [facet.model for facet in find([sweep.run], sweep.records).facets] == [
        "tiny (content=12345678)",
        "tiny (content=c0ffee00)",
    ]


@pytest.mark.slow
def test_knobs_of_different_facets_keep_their_columns_apart():
    """Each facet alone would call its own knob tau_sink."""
    first, second = (on(task, "tiny", anchors=(None,), examples=10) for task in ("arith", "lists"))
    for sweep, key in ((first, "axon.tau_sink"), (second, "decoder.tau_sink")):
        sweep.settings = {sid: replace(own, knobs={key: sid}) for sid, own in sweep.settings.items()}
    columns = find(*as_runs(first, second)).points.columns
    assert {"knob.axon.tau_sink", "knob.decoder.tau_sink"} <= set(columns)


@pytest.mark.slow
def test_page_has_a_section_per_facet_and_its_contents(four):
    html = four.page.read_text(encoding="utf-8")
    page = Page(html)
    assert html.count('<section class="facet"') == 4 and html.count('class="figure"') == 4
    links = [value for value in page.fetched if value.startswith("#")]
    assert links == [f"#facet-{number}" for number in range(4)]
    assert all(html.count(f'id="facet-{number}"') == 1 for number in range(4))
    assert sorted(page.points) == sorted(4 * list(range(12)))
    shown = " ".join(page.shown)
    for facet in four.findings.facets:
        assert shown.count(facet.summary.verdicts[0].short) == 2, "in the contents and in its section"
    assert shown.count("a note") == 1


@pytest.mark.slow
def test_one_facet_has_no_contents(tmp_path):
    html = write_report(tmp_path, *as_runs(make_sweep(examples=10)), []).page.read_text(encoding="utf-8")
    assert 'aria-label="Contents"' not in html and "<h2>" not in html


@pytest.mark.slow
def test_terminal_has_all_facets_in_order(four):
    text = printed(four)
    assert max(len(line) for line in text.splitlines()) <= 100
    places = [text.index(f"{task} · {model}") for task, model in PLACES]
    assert text.index("title") < places[0] and places == sorted(places)
    assert text.count("AXON improves the Pareto front of confidence") == sum(
        own.outcome == "yes" for own in four.findings.comparisons
    )


@pytest.mark.slow
@pytest.mark.parametrize(("count", "size"), [(2, (750, 2400)), (3, (1500, 2400)), (4, (1500, 2400))])
@pytest.mark.slow
def test_picture_has_a_panel_per_facet(tmp_path, four, count, size):
    few = {"anchors": (None, 1), "thresholds": (0.3, 0.7), "examples": 10}
    sweeps = [on(*place, **few) for place in PLACES[:count]]
    report = four if count == len(PLACES) else write_report(tmp_path, *as_runs(*sweeps), [])
    image = imread(report.picture)
    assert image.shape[:2] == size
    height, width = 750, 1200
    for number in range(count):
        row, column = divmod(number, 2)
        panel = image[row * height : (row + 1) * height, column * width : (column + 1) * width, :3]
        colours = {tuple(own) for own in (panel[::2, ::2].reshape(-1, 3) * 255).round().astype(int)}
        assert {(0, 114, 178), (213, 94, 0)} <= colours  # both groups are there
    assert [path.name for path in report.picture.parent.glob("*.png")] == ["front.png"]


@pytest.mark.slow
def test_many_facets_have_a_picture_each(tmp_path):
    kinds = {"anchors": (None,), "thresholds": (0.3, 0.7), "examples": 10}
    sweeps = [on(task, "tiny", **kinds) for task in ("arith", "lists", "pycode", "gsm8k", "math500")]
    report = write_report(tmp_path, *as_runs(*sweeps), [])
    assert imread(report.picture).shape[:2] == (1500, 2400)  # the first four
    names = {f"front-{task}-tiny.png" for task in ("arith", "lists", "pycode", "gsm8k", "math500")}
    assert {path.name for path in tmp_path.glob("*.png")} == {"front.png", *names}
    assert imread(tmp_path / "front-lists-tiny.png").shape[:2] == (750, 1200)


@pytest.mark.slow
def test_without_scores_a_facet_does_not_disturb_the_others(tmp_path):
    first, second = on("arith", "tiny", gain=1.0, faster=0.8), on("lists", "tiny")
    runs, records = as_runs(first, second)
    records = records[records["setting_id"].isin(list(first.settings))]
    report = write_report(tmp_path, runs, records, [])
    scored, empty = report.findings.facets
    assert [own.difference for own in scored.comparisons[0].effects] == [
        own.difference for own in facet_of(first).comparisons[0].effects
    ]
    assert empty.front.empty and (empty.points["n"] == 0).all()
    assert "No setting has a score, so there is no Pareto front." in " ".join(printed(report).split())
    assert report.page.exists()
    assert np.isnan(empty.points["quality"]).all()
