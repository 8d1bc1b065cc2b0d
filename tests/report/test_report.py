"""The files a reader opens: complete, self-contained, safe, and there even when there is little to show."""

import re
from dataclasses import replace
from html import escape
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from rich.console import Console
from rich.table import Table

from pipeline.report.data.labels import described, value_text
from pipeline.report.html.command import point_words
from pipeline.report.words.terminal import _Folded
from pipeline.runs.columns import from_columns
from pipeline.tasks import get_task
from tests.report.counts import count
from tests.report.sweep import identified, make_sweep
from tests.report.verdict import facet_of
from tests.report.written import Page, points_of, printed, summary_of, write

EVIL = '<script>alert("x")</script>&'


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write(
        tmp_path_factory.mktemp("report"), make_sweep(gain=1.0, faster=0.8), notes=["made on a toaster"]
    )


@pytest.fixture(scope="module")
def page(report):
    return Page(report.page.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_page_holds_every_setting_once_and_in_full(report, page):
    (table,) = page.tables
    points, (facet,) = points_of(report), report.findings.facets
    assert sorted(page.points) == list(range(len(points)))
    assert table["ids"] == list(points["setting_id"])
    for told, setting in zip(from_columns(table["settings"]), facet.settings, strict=True):
        assert told == {key: value_text(value) for key, value in described(setting).items()}
    for words, command, setting in zip(table["commands"]["of"], facet.commands, facet.settings, strict=True):
        told = " ".join(table["commands"]["words"][word] for word in words)
        assert told == " ".join(point_words(command, setting))


@pytest.mark.slow
def test_rows_are_those_of_the_points_by_rising_nfe(report, page):
    (table,) = page.tables
    points = points_of(report)
    nfe = [points.at[own[0], "nfe"] for own in table["points"]]
    assert nfe == sorted(nfe)
    columns = {own["heading"]: own for own in table["columns"]}
    for name, heading, digits in (("nfe", "NFE", 1), ("quality", "quality", 3)):
        shown = [f"{points.at[own[0], name]:.{digits}f}" for own in table["points"]]
        column = columns[heading]
        assert [column["values"][place] for place in column["of"]] == shown


@pytest.mark.slow
def test_page_fetches_nothing(report, page):
    assert page.fetched and all(value.startswith("data:image/png;base64,") for value in page.fetched)
    html = report.page.read_text(encoding="utf-8")
    assert "default-src 'none'" in html and "@import" not in html.split("<script>")[0]
    assert report.page.stat().st_size < 6e6


def test_page_tells_the_verdict_and_the_notes(report, page):
    text = " ".join(page.shown)
    assert summary_of(report).verdicts[0].short in text
    assert "made on a toaster" in text


def test_figure_has_each_scored_setting_and_its_numbers(report, page):
    (figure,) = page.figures
    drawn = {point: row for row in figure["rows"] for point in row["points"]}
    points = points_of(report)
    assert sorted(drawn) == list(points.index)
    for point, row in drawn.items():
        own = points.loc[point]
        assert row["quality"] == pytest.approx(
            [own["quality"], own["quality_lo"], own["quality_hi"]], rel=1e-6
        )
        assert row["costs"]["nfe"][0] == pytest.approx(own["nfe"], rel=1e-9) and row["likely"] == [
            own["on_front"]
        ]
        assert (row["group"], row["label"]) == (own["group"], own["label"])
        assert ["tokens per step", f"{own['tokens_per_step']:.2f}"] in row["notes"]


@pytest.mark.slow
def test_axes_of_cost_are_buttons(tmp_path, report):
    assert "data-view" not in report.page.read_text(encoding="utf-8")
    html = write(tmp_path, count(make_sweep(gain=1.0))).page.read_text(encoding="utf-8")
    assert html.count('data-view="') == 3
    assert "Computed positions</button>" in html and "Model FLOPs</button>" in html
    (figure,) = Page(html).figures
    assert [cost["name"] for cost in figure["costs"]] == ["NFE", "Computed positions", "Model FLOPs"]


@pytest.mark.slow
def test_mixes_are_offered_where_a_group_has_two_settings_to_mix(tmp_path, report):
    button = '<div class="tools" hidden><label><input class="mixes"'
    assert "mixes" in report.page.read_text(encoding="utf-8")
    assert button not in report.page.read_text(encoding="utf-8")
    one_each = write(tmp_path, make_sweep(anchors=(None, 1), thresholds=(0.5,), examples=10))
    assert button in one_each.page.read_text(encoding="utf-8")


def test_nothing_from_outside_becomes_markup(tmp_path):
    sweep = make_sweep(gain=1.0)
    for setting_id, setting in sweep.settings.items():
        knobs = {key + EVIL: f"{value}{EVIL}" for key, value in setting.knobs.items()}
        named = replace(setting.model, path=f"models/{EVIL}")
        sweep.settings[setting_id] = identified(
            replace(setting, group=setting.group + EVIL, knobs=knobs, model=named), content=EVIL
        )
    harmless = write(tmp_path / "harmless", make_sweep(gain=1.0))
    report = write(tmp_path / "evil", sweep, title=EVIL, notes=[EVIL])
    html = report.page.read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert len(Page(html).scripts) == len(Page(harmless.page.read_text(encoding="utf-8")).scripts)
    assert EVIL in "".join(Page(html).shown)  # and is shown as what it is
    assert "alert" in printed(report)


@pytest.mark.slow
def test_rich_markup_in_a_title_is_text(tmp_path):
    assert "[red]loud[/red]" in printed(write(tmp_path, make_sweep(), title="[red]loud[/red]"))


@pytest.mark.slow
def test_picture_is_drawn_at_its_size(report):
    image = imread(report.picture)
    assert image.shape[:2] == (750, 1200)
    colours = {tuple(colour) for colour in (image[::2, ::2, :3].reshape(-1, 3) * 255).round().astype(int)}
    assert {(0, 114, 178), (213, 94, 0)} <= colours  # both groups are there


@pytest.mark.slow
def test_same_records_same_files(tmp_path, report):
    again = write(tmp_path, make_sweep(gain=1.0, faster=0.8), notes=["made on a toaster"])
    for name in ("table", "picture", "page"):
        assert getattr(again, name).read_bytes() == getattr(report, name).read_bytes()


def test_table_of_points_can_be_read_back(report):
    table = pd.read_csv(report.table)
    assert list(table["setting_id"]) == list(points_of(report)["setting_id"])
    assert np.allclose(table["quality"], points_of(report)["quality"])


def test_terminal_fits_and_ends_with_the_result(report):
    text = printed(report)
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "AXON improves the Pareto front of confidence: +0." in text and "NFE at equal quality: -" in text
    assert "●" in text and text.index("●") < text.index("AXON improves")


@pytest.mark.slow
def test_terminal_leaves_the_values_room(tmp_path):
    """Headings are broken, and a column that would be empty is left out, before a value has to be."""
    sweep = make_sweep(examples=10, anchors=(None, 1), thresholds=(0.3, 0.7))
    text = printed(write(tmp_path / "whole", sweep))
    assert "thresh-" in text and "un-" not in text
    sweep.rows[0] |= {"score": None, "error": "scoring: it breaks"}
    assert "un-" in printed(write(tmp_path / "lacking", sweep))


@pytest.mark.slow
def test_terminal_only_counts_a_long_tail(tmp_path):
    sweep = make_sweep(anchors=(None, 1, 2, 3, 4, 5, 6))
    for row in sweep.rows:  # the more anchors, the slower, and no better
        row["nfe"] += 0 if row["setting_id"].endswith("None") else int(row["setting_id"][-1])
    report = write(tmp_path, sweep)
    text = printed(report)
    hidden = int((~points_of(report)["group_front"]).sum())
    assert hidden > 12 and f"{hidden} settings behind the fronts are not listed" in text


LITTLE = {
    "one setting": {"anchors": (None,), "thresholds": (0.5,)},
    "AXON only": {"anchors": (1,)},
    "no AXON": {"anchors": (None,)},
    "one example": {"examples": 1},
}


@pytest.mark.slow
@pytest.mark.parametrize("sweep", LITTLE.values(), ids=LITTLE)
def test_little_is_reported_without_fuss(tmp_path, sweep):
    report = write(tmp_path, make_sweep(**sweep))
    assert len(report.findings.front) and report.picture.stat().st_size > 5000 and printed(report)


@pytest.mark.slow
def test_groups_on_the_front_are_counted_where_there_are_several(tmp_path):
    alone = printed(write(tmp_path / "alone", make_sweep(anchors=(None,), thresholds=(0.5,))))
    assert "The Pareto front holds 1 setting, quality 0." in alone
    assert "AXON %" not in alone and "tok/" in alone  # no setting uses it
    both = " ".join(printed(write(tmp_path / "both", make_sweep(gain=1.0))).split())
    assert "AXON %: steps" in both
    assert re.search(
        r"The Pareto front holds \d+ (settings|distinct decodes) \(\d+ [^)]+\), from quality \S+ at \S+ NFE "
        r"\(“?(base|AXON)”? [^)]+\) to \S+ at \S+ \(“?(base|AXON)”? [^)]+\)\.",
        both,
    )


@pytest.mark.slow
def test_no_scored_example_is_reported_without_fuss(tmp_path):
    sweep = make_sweep()
    unscored = sweep.records.assign(score=None)
    for name, records in {"unscored": unscored, "empty": unscored.head(0), "bare": pd.DataFrame()}.items():
        report = write(tmp_path / name, sweep, records)
        (facet,) = report.findings.facets
        assert facet.front.empty and np.isnan([*facet.hypervolumes.values()]).all()
        assert (
            "no AXON setting was scored" in report.findings.verdict
            and printed(report)
            and report.page.exists()
        )


@pytest.mark.slow
def test_one_setting_without_scores_does_not_disturb_the_others(tmp_path):
    sweep = make_sweep(gain=1.0, faster=0.8)
    records = sweep.records
    records.loc[records["setting_id"] == "0.5-1", "score"] = None
    report = write(tmp_path, sweep, records)
    assert points_of(report)["n"].tolist().count(0) == 1 and "unscored" in printed(report)
    assert report.findings.comparisons[0].outcome == "yes"


@pytest.mark.slow
def test_parquet_shaped_records_are_understood(tmp_path):
    """Lists come back as arrays, and integers with holes as nullable ones."""
    sweep = make_sweep(gain=1.0)
    records = sweep.records
    stored = records.assign(axon_steps=[np.array(own) for own in records["axon_steps"]])
    stored = stored.astype({"nfe": "Int64", "score": "Float64"})
    plain = write(tmp_path / "plain", sweep)
    pd.testing.assert_frame_equal(points_of(write(tmp_path / "stored", sweep, stored)), points_of(plain))


@pytest.mark.slow
def test_the_summary_says_what_is_decoded():
    sweep = make_sweep(examples=20)
    sweep.change(block_length=32, end_of_text="stop_at_eos")
    found = facet_of(sweep).summary
    assert (
        "(test split), raw prompts, 64 tokens in blocks of 32, decoded up to end-of-text: threshold"
        in found.swept
    )
    sweep.change(block_alignment="absolute")
    assert "64 tokens in absolute blocks of 32" in facet_of(sweep).summary.swept


def test_the_summary_says_in_which_wording_and_by_which_score():
    sweep = make_sweep(anchors=(None,), thresholds=(0.5,))
    asked = {"name": "gsm8k", "shots": 4, "form": "opencompass", "shot_draw": "per_question"}
    sweep.change(model={"prompt": "chat"}, task=asked)
    swept = facet_of(sweep).summary.swept
    assert (
        ", 4 few-shot examples as text drawn for each question, chat prompts worded as opencompass, 64"
        in swept
    )
    assert f"Quality 1: {get_task('gsm8k', 'opencompass').metric} (gsm8k" in swept


def test_the_summary_says_how_the_questions_are_asked_and_what_quality_means():
    sweep = make_sweep(anchors=(None,), thresholds=(0.5,))
    sweep.change(model={"prompt": "chat"}, task={"name": "gsm8k", "shots": 5, "shot_style": "turns"})
    found = facet_of(sweep)
    quality = found.points["quality"].iloc[0]
    assert ", 5 few-shot examples as turns, chat prompts, 64 tokens" in found.summary.swept
    assert found.points["metric.strict"].iloc[0] == pytest.approx(quality / 2)
    meaning = get_task("gsm8k").metric
    expected = f"Quality 1: {meaning} (gsm8k, version 1; strict {quality / 2:.3g})."
    assert found.summary.swept.endswith(expected)


@pytest.mark.parametrize(("width", "lines"), [(11, ["cover|fixed"]), (8, ["cover|", "fixed"])])
def test_values_that_share_a_row_are_cut_between_values_only(width, lines):
    table, console = Table(box=None, padding=0), Console(width=width, record=True, file=StringIO())
    table.add_column("", overflow="fold")
    table.add_row(_Folded("cover|fixed"))
    console.print(table)
    assert console.export_text().split() == lines


def test_which_settings_one_would_run_is_not_folded(report, page):
    [verdict] = summary_of(report).verdicts
    assert verdict.pick.startswith("Fastest settings")
    html = report.page.read_text(encoding="utf-8")
    unfolded = re.sub(r"<details>.*?</details>", "", html.split("<script", 1)[0], flags=re.DOTALL)
    assert f"<p>{escape(verdict.pick)}</p>" in unfolded and escape(verdict.evidence) not in unfolded
