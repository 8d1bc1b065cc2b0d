"""Several seeds of a setting are one point of a report: its figures are means over them, and no lucky seed is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy.special import ndtri, stdtrit

from pipeline.planning.seeds import joint, pools, seeds_of
from pipeline.planning.setting import Stop
from pipeline.report import find, find_points, write_report
from pipeline.report.asked import Asked
from pipeline.report.data.labels import described
from pipeline.report.html.rows import settings_json
from pipeline.report.paper.formats import WRITERS
from pipeline.report.statistics import stats
from pipeline.report.statistics.stats import share_interval, wilson_interval
from tests.report.seeded import EXAMPLES, facet_of, seeded
from tests.report.sweep import THRESHOLDS, TRADE_OFF, Sweep


def records_of(sweep: Sweep, threshold: float) -> pd.DataFrame:
    rows = sweep.records
    return rows[rows["setting_id"].str.startswith(f"None-{threshold}-")]


@pytest.mark.slow
def test_quality_and_cost_are_the_means_over_examples_and_seeds() -> None:
    sweep = seeded()
    points = facet_of(sweep).points
    assert len(points) == len(THRESHOLDS)
    for threshold, point in zip(THRESHOLDS, points.to_dict("records"), strict=True):
        own = records_of(sweep, threshold)
        assert point["quality"] == pytest.approx(own["score"].mean())
        assert point["nfe"] == pytest.approx(own["nfe"].mean())
        assert point["tokens_per_step"] == pytest.approx(own["tokens_generated"].sum() / own["nfe"].sum())
        assert point["metric.strict"] == pytest.approx(own["score"].mean() / 2)
        assert point["n"] == EXAMPLES and point["unscored"] == 0
        of_seed = own.groupby("setting_id")["score"].mean()
        assert point["seeds"] == 3 and point["seed_sd"] == pytest.approx(of_seed.std())
        assert point["setting_id"] == f"None-{threshold}-0"  # the first seed's
        assert point["label"] == f"threshold={threshold} over 3 seeds"
    assert "knob.seed" not in points


@pytest.mark.slow
def test_the_order_of_the_seeds_changes_nothing() -> None:
    one, other = (facet_of(seeded(seeds)).points for seeds in ((0, 1, 2), (2, 1, 0)))
    pd.testing.assert_frame_equal(one, other)


def lucky() -> Sweep:
    """0.5 is better on average; 0.7 costs more, and has one seed that gets everything right."""
    sweep = seeded(thresholds=(0.5, 0.7))
    for row in sweep.rows:
        _, threshold, seed = row["setting_id"].split("-")
        right = row["position"] % 10 < (8 if threshold == "0.5" else 10 if seed == "1" else 5)
        row["score"] = float(right)
    return sweep


@pytest.mark.slow
def test_a_lucky_seed_of_a_setting_whose_mean_is_dominated_is_on_no_front_and_in_no_table() -> None:
    found = find([lucky().run], lucky().records)
    (facet,) = found.facets
    assert list(facet.front["label"]) == ["threshold=0.5 over 3 seeds"]
    assert facet.points["quality"].tolist() == pytest.approx([0.8, 2 / 3])
    for name in ("markdown", "latex", "csv", "score_tpf"):
        (text,) = WRITERS[name](found.facets).values()
        assert "0.5 over 3 seeds" in text and "100.0" not in text and "0.7 over" not in text
    (text,) = WRITERS["csv"](found.facets).values()
    (line,) = pd.read_csv(StringIO(text)).to_dict("records")
    assert line["accuracy"] == pytest.approx(80) and line["seeds"] == 3 and line["seed_sd"] == 0
    (text,) = WRITERS["markdown"](found.facets).values()
    assert "| Accuracy (%) | SD | NFE |" in text and "SD: of the accuracy over seeds" in text


def test_a_report_on_one_seed_is_what_it_was() -> None:
    """Whether its seed is a knob or not; and nothing speaks of seeds."""
    one = seeded((1,))
    facet = facet_of(one)
    assert list(facet.points["label"]) == [f"threshold={threshold}" for threshold in THRESHOLDS]
    assert not {"seeds", "seed_sd"} & set(facet.points) and "seed" not in facet.summary.swept
    for point, threshold in zip(facet.points.to_dict("records"), THRESHOLDS, strict=True):
        right = int(records_of(one, threshold)["score"].sum())
        assert (point["quality"], point["quality_lo"], point["quality_hi"]) == wilson_interval(
            right, EXAMPLES
        )
    (text,) = WRITERS["markdown"]((facet,)).values()
    assert "SD" not in text and "seed" not in text


@pytest.mark.slow
def test_seeds_that_agree_are_no_more_evidence_than_one() -> None:
    sweep, one = seeded(), seeded((0,))
    scores = {(row["setting_id"], row["position"]): row["score"] for row in one.rows}
    for row in sweep.rows:
        row["score"] = scores[row["setting_id"][:-1] + "0", row["position"]]
    columns = ["quality", "quality_lo", "quality_hi"]
    pd.testing.assert_frame_equal(facet_of(sweep).points[columns], facet_of(one).points[columns])
    assert (facet_of(sweep).points["seed_sd"] == 0).all()


@pytest.mark.parametrize("right", [0.5, 0.8, 0.97])
@pytest.mark.parametrize(
    "alike", [0.0, 0.5, 1.0]
)  # how far an example's seeds agree: luck alone, ..., never two ways
def test_the_interval_covers(right: float, alike: float) -> None:
    """Of examples as clusters: 95 % up to what 400 sweeps of 50 examples tell."""
    rng, seeds, sweeps, n = np.random.default_rng(5), 3, 400, 50
    shared = rng.random((sweeps, n)) < alike
    chance = np.where(shared, rng.random((sweeps, n)) < right, right)
    values = rng.binomial(seeds, chance) / seeds
    found = [share_interval(own, seeds * n) for own in values]
    covered = np.mean([own.lo <= right <= own.hi for own in found])
    assert covered > 0.95 - 3 * np.sqrt(0.95 * 0.05 / sweeps)
    width = np.mean([own.hi - own.lo for own in found])
    single = np.mean([np.subtract(*wilson_interval(int(right * n), n)[:0:-1])])
    assert (
        width < 0.75 * single if alike == 0 else width < 1.1 * single
    )  # three seeds tell more than one does


def test_an_interval_is_never_that_of_more_answers_than_there_are() -> None:
    assert share_interval(np.full(30, 2 / 3), 90).hi - 2 / 3 > wilson_interval(60, 90).hi - 2 / 3
    assert share_interval(np.array([1.0]), 3) == wilson_interval(1, 1)
    assert share_interval(np.array([np.nan]), 3) == pytest.approx(stats.UNKNOWN, nan_ok=True)


@pytest.mark.parametrize(
    ("shares", "answers", "effective"),
    [
        ([0, 1 / 3, 2 / 3, 1], 12, 5.4),  # 4 x 0.5 x 0.5 / 0.185, the variance of the four
        ([2 / 3] * 11 + [1 / 3], 36, 36),  # which hardly vary: no more than there are
        ([0, 0, 0, 1, 1, 1, 0.99], 700, 7),  # whose seeds nearly always agree: no fewer than examples
    ],
)
def test_the_effective_number_is_from_that_of_the_examples_to_that_of_the_answers(
    shares: list[float], answers: int, effective: float
) -> None:
    normal, student = ndtri(0.975), stdtrit(len(shares) - 1, 0.975)
    own, size = share_interval(np.array(shares), answers), effective * (normal / student) ** 2
    share = np.mean(shares)
    assert own == pytest.approx((share, *wilson_interval(share * size, size)[1:]), abs=1e-3)


@pytest.mark.slow
def test_of_scores_between_0_and_1_it_is_the_bootstrap() -> None:
    sweep = seeded()
    for row in sweep.rows:
        row["score"] *= 0.6  # some are 0, as an answer that is wrong
    points, sample = facet_of(sweep).points, facet_of(sweep).sample
    assert not sample.shares
    (found, *_) = stats.mean_intervals(sample.quality_SN, stats.draw_counts(EXAMPLES))
    assert (points["quality_lo"][0], points["quality_hi"][0]) == found[1:]


def test_an_interrupted_sweep_counts_what_there_is_and_says_so() -> None:
    sweep = seeded(done={1: 10, 2: 0})
    facet = facet_of(sweep)
    own = records_of(sweep, 0.5).pivot(index="position", columns="setting_id", values="score")
    (point,) = facet.points[facet.points["knob.threshold"] == 0.5].to_dict("records")
    assert point["n"] == EXAMPLES and point["seeds"] == 2 and point["complete"]
    assert point["quality"] == pytest.approx(own.mean(axis=1).mean())  # an example counts once
    assert point["seed_sd"] == pytest.approx(own.head(10).mean().std())  # on the same examples
    assert point["label"] == "threshold=0.5 over 2 of 3 seeds"
    (warning,) = [own for own in facet.summary.warnings if "seed" in own]
    assert warning.startswith(
        "4 settings with seeds of different numbers of examples (for example threshold=0.3 over"
    )
    assert "seed 0: 40, seed 1: 10, seed 2: 0): an example counts once" in warning


@pytest.mark.slow
@pytest.mark.parametrize("done", [{0: 10}, {0: 0, 1: 25}, {2: 39, 0: 3}])
def test_an_example_has_its_own_mean_whichever_seeds_have_it(done: dict[int, int]) -> None:
    sweep = seeded(done=done)
    sample = facet_of(sweep).sample
    for row, threshold in enumerate(THRESHOLDS):
        own = records_of(sweep, threshold).groupby("position")[["score", "nfe"]].mean()
        assert sample.quality_SN[row].tolist() == pytest.approx(own["score"].tolist())
        assert sample.nfe_SN[row].tolist() == pytest.approx(own["nfe"].tolist())
        assert sample.shares[row] == len(records_of(sweep, threshold))


def test_unscored_records_are_left_out_of_an_examples_mean() -> None:
    sweep = seeded(thresholds=(0.5,))
    for row in sweep.rows:
        if row["setting_id"].endswith("-1") and row["position"] < 4:
            row["score"], row["error"] = None, "failed"
    (point,) = facet_of(sweep).points.to_dict("records")
    own = sweep.records.groupby("position")["score"].mean()
    assert point["quality"] == pytest.approx(own.mean()) and point["n"] == EXAMPLES and point["unscored"] == 4


def test_a_setting_of_which_a_seed_was_stopped_is_on_no_front() -> None:
    """The seeds that went on are those that looked better."""
    sweep = seeded(done={1: 20})
    stops = {"None-0.9-1": Stop("None-0.3-2", 20, -0.1, 3.0)}
    (facet,) = find([replace(sweep.run, stopped=stops)], sweep.records).facets
    stopped = facet.points[facet.points["stopped"] != ""]
    assert list(stopped["knob.threshold"]) == [0.9] and not stopped["front"].any()
    assert stopped["stopped"].iloc[0].endswith("against threshold=0.3 over 3 seeds")


def test_a_report_at_temperature_0_knows_no_seeds() -> None:
    """There the plan has one setting for all of them; beside settings that have seeds it stays one."""
    sweep, cold = seeded(thresholds=(0.5,)), seeded((0,), thresholds=(0.5,), temperature=0.0)
    [setting] = cold.settings.values()
    sweep.settings["cold"] = replace(setting, id="cold", knobs={TRADE_OFF: 0.5, "temperature": 0.0})
    sweep.rows += [row | {"setting_id": "cold"} for row in cold.rows]
    for name, own in sweep.settings.items():
        sweep.settings[name] = replace(own, knobs={**own.knobs, "temperature": own.decode.temperature})
    points = facet_of(sweep).points
    assert list(points["label"]) == ["temperature=0.5 over 3 seeds", "temperature=0"]
    assert points["seeds"].tolist() == pytest.approx([3, np.nan], nan_ok=True)


@pytest.mark.slow
def test_settings_are_pooled_within_a_group_of_a_run_alone_and_other_luck_is_told() -> None:
    sweep = seeded(thresholds=(0.5, 0.7))
    for sid, own in sweep.settings.items():
        sweep.settings[sid] = replace(own, group=f"seed {own.seed}", knobs={TRADE_OFF: own.knobs[TRADE_OFF]})
    facet = facet_of(sweep)
    assert len(facet.points) == 6 and "seeds" not in facet.points
    (warning,) = [own for own in facet.summary.warnings if "seed" in own]
    assert "(“seed 2”, “seed 0” and “seed 1”) are not pooled" in warning


@pytest.mark.slow
def test_the_verdict_is_of_the_same_means_as_the_points() -> None:
    sweep = seeded(anchors=(None, 1))
    facet = facet_of(sweep)
    (found,) = facet.comparisons
    assert found.n == EXAMPLES and [len(own) for own in found.cohort.base.rows.values()] == [1] * 4
    assert "over 3 seeds" in facet.summary.verdicts[0].pick


@pytest.mark.slow
def test_the_page_names_all_seeds_and_whose_answers_it_shows(tmp_path: Path) -> None:
    sweep = seeded(anchors=(None, 1))
    run = replace(sweep.run, command="python launch.py sweep=mine", started=datetime(2026, 1, 2, tzinfo=UTC))
    report = write_report(tmp_path, [run], sweep.records, [], asked=Asked(formats=("latex",)))
    page = report.page.read_text()
    assert "8 settings, 3 seeds each (0, 1, 2), on 40 arith examples" in page
    assert "answers and decodes are its first seed's" in page
    (facet,) = report.findings.facets
    data = json.loads(settings_json(facet))
    headings = [column["heading"] for column in data["columns"]]
    assert "SD over seeds" in headings and "seed" not in headings
    assert "'+sweep.groups.setting.grid.seed=[0,1,2]'" in data["commands"]["words"]
    console = Console(file=StringIO(), width=100)
    console.print(report.terminal())
    assert "SD of" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_front_in_wandb_is_of_pooled_points() -> None:
    from pipeline.report.tracker.fronts import fronts_of  # W&B takes a second to import

    facet = facet_of(lucky())
    from pipeline.report.tracker.settings import setting_contents

    assert [own.config["seed"] for own in setting_contents(facet, "sweep", False, False, 10)] == [
        [0, 1, 2]
    ] * 2
    [front] = fronts_of(facet)
    assert front.vertices["quality"].tolist() == pytest.approx([0.8]) and front.summary["settings"] == 2


def test_points_from_python_are_pooled_too() -> None:
    sweep = seeded()
    assert len(find_points([sweep.run], sweep.records)) == len(THRESHOLDS)


def test_a_joint_setting_has_the_knobs_that_its_seeds_share() -> None:
    settings = list(seeded(thresholds=(0.5,)).settings.values())
    settings[0] = replace(settings[0], knobs={**settings[0].knobs, "axon.anchors": 1})
    assert pools([("a", own) for own in settings]) == [[1, 2, 0]]
    assert pools([("a", settings[0]), ("b", settings[1])]) == [[0], [1]]
    found = joint([settings[place] for place in (1, 2, 0)])
    assert dict(found.knobs) == {TRADE_OFF: 0.5} and found.id == settings[1].id
    assert seeds_of(found) == [0, 1, 2] and seeds_of(settings[0]) == []
    assert described(found)["seed"] == [0, 1, 2]


@pytest.mark.slow
def test_settings_under_fewer_seeds_are_told_of() -> None:
    sweep = seeded()
    sweep.drop("None-0.7-1", "None-0.7-2")
    facet = facet_of(sweep)
    assert facet.summary.swept.startswith("4 settings, up to 3 seeds each (0, 1, 2), on 40 arith examples")
    assert list(facet.points["seeds"]) == [3, 3, 1, 3] and np.isnan(facet.points["seed_sd"][2])
    (warning,) = [own for own in facet.summary.warnings if "seed" in own]
    assert warning.startswith(
        "1 setting with fewer seeds than others of the group (for example threshold=0.7 over 1"
    )
    both = seeded(anchors=(None, 1), thresholds=(0.5, 0.7))
    both.drop("1-0.5-2", "1-0.7-2")  # of one group all
    assert not any("fewer seeds" in own for own in facet_of(both).summary.warnings)
