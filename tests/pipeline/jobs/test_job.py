"""A job from command to report, with Ray left out: what is stored, what is run again, what is said at the end."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from pipeline.errors import ConfigError
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config
from pipeline.jobs import run_job
from pipeline.report.words.unscored import why_unscored
from pipeline.runs.run_folder import folder_of
from pipeline.storage.record import UNANSWERED
from pipeline.storage.record_differences import IGNORED
from pipeline.storage.store import Store
from tests.pipeline.conftest import Judge, composing, ended_after, interrupt, planned, size

Make = Callable[..., Config]
UNSTEADY = [name for name in IGNORED if name != "sandbox"]  # what differs from run to run


def run(config: Config) -> tuple[int, str]:
    shown = io.StringIO()
    code = run_job.run_job(config, composing(config), ["limit=10", "a b"], Console(file=shown, width=100))
    return code, shown.getvalue()


def stored(config: Config) -> pd.DataFrame:
    plan = planned(config)
    return Store(config.store).load(plan.settings, config.limit).records


@pytest.fixture
def config(make_config: Make, judge: Judge) -> Config:
    return make_config("task.name=judge")


@pytest.mark.slow
def test_one_evaluation_ends_with_its_folder(config: Config) -> None:
    code, shown = run(config)
    assert code == 0
    folder = Path(shown.strip().splitlines()[-1])
    assert {path.name for path in folder.iterdir()} == {
        "details",
        "front.png",
        "points.csv",
        "report.html",
        "run.json",
    }
    assert pd.read_csv(folder / "points.csv")["n"].tolist() == [10]
    assert len(stored(config)) == 10


@pytest.mark.slow
def test_running_again_decodes_nothing(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(config)
    monkeypatch.setattr(Evaluator, "slices", None)
    again = run(config)
    assert again[0] == 0
    assert again[1].splitlines()[-1] == first[1].splitlines()[-1]
    assert "10 of 10 stored already" in again[1]


@pytest.mark.slow
def test_a_larger_limit_decodes_only_what_is_new(make_config: Make, config: Config) -> None:
    run(config)
    before = stored(config)
    larger = make_config("task.name=judge", "limit=17")
    code, shown = run(larger)
    assert code == 0 and "10 of 17 stored already" in shown
    pd.testing.assert_frame_equal(stored(larger).head(10), before)


@pytest.mark.slow
def test_a_report_of_a_part_says_so(make_config: Make, config: Config) -> None:
    run(config)
    code, shown = run(make_config("task.name=judge", "limit=17", "job=report"))
    assert code == 0
    assert (
        "1 setting lacking some of 17 examples: this is a report of a part; the same command without" in shown
    )


def test_a_report_of_nothing_leaves_nothing_behind(make_config: Make, judge: Judge) -> None:
    config = make_config("task.name=judge", "job=report")
    with pytest.raises(ConfigError, match="job=report: nothing is stored for these settings"):
        run(config)
    assert not list(Path(config.out).rglob("run.json"))


@pytest.mark.slow
def test_one_slice_needs_no_cluster_and_says_so(make_config: Make, judge: Judge) -> None:
    code, shown = run(make_config("task.name=judge", "slice_size=10", "cluster.address=127.0.0.1:1"))
    assert code == 0 and "one setting of one slice needs no cluster: it runs on this machine" in shown


@pytest.mark.slow
@pytest.mark.parametrize("cuts", [[0], [1], [2], [1, 1], [0, 2]])
def test_interrupted_runs_add_up_to_an_uninterrupted_one(
    cuts: list[int], config: Config, make_config: Make, tmp_path: Path
) -> None:
    kept = 0
    for count in cuts:
        with ended_after(count, interrupt) as decoded:
            code, shown = run(config)
        assert code == 130 and len(decoded) == count
        assert "To go on: python launch.py limit=10 'a b'" in shown
        kept += size(decoded)
    assert len(stored(config)) == kept
    assert run(config)[0] == 0
    whole = make_config("task.name=judge", f"out={tmp_path / 'whole'}", f"store={tmp_path / 'whole/store'}")
    run(whole)
    pd.testing.assert_frame_equal(stored(config).drop(columns=UNSTEADY), stored(whole).drop(columns=UNSTEADY))


@pytest.mark.slow
def test_a_damaged_slice_is_decoded_again(config: Config) -> None:
    run(config)
    before = stored(config)
    damaged = next(Path(config.store).glob("slices/*/4-8.parquet"))
    damaged.write_bytes(b"")
    code, shown = run(config)
    assert code == 0 and "unreadable" in shown
    pd.testing.assert_frame_equal(stored(config).drop(columns=UNSTEADY), before.drop(columns=UNSTEADY))
    assert "unreadable" not in run(config)[1]


@pytest.mark.slow
def test_unscored_examples_are_told_and_are_no_zeros(config: Config, judge: Judge) -> None:
    judge.bad_scores = {"test-0-0"}
    code, shown = run(config)
    assert code == 0
    folder = Path(shown.strip().splitlines()[-1])
    point = pd.read_csv(folder / "points.csv").iloc[0]
    assert (point["n"], point["unscored"]) == (9, 1)
    scores = [
        judge.score(a, e).value
        for a, e in zip(stored(config)["answer"][1:], judge.examples("test", 1, 9), strict=True)
    ]
    assert point["quality"] == pytest.approx(sum(scores) / 9)
    told = "1 record of 1 setting unscored, which are left out and not counted as 0: 1 x "
    for where in (shown, (folder / "report.html").read_text()):
        words = " ".join(where.split())
        assert words.count(told) == 1 and "the scorer broke" in words


def test_the_reasons_of_unscored_records_are_told_by_kind() -> None:
    too_long = [f"ValueError: prompt of {size} tokens" for size in (402, 334, 17)]
    records = pd.DataFrame({"error": [None, "E: a", *too_long, "E: b", "E: c", "E: d", UNANSWERED]})
    told = why_unscored(records)
    assert told == "3 x ValueError: prompt of 402 tokens; 1 x E: a; 1 x E: b; 2 x others"
    assert why_unscored(records[records["error"].isna()]) == ""


@pytest.mark.slow
def test_a_setting_with_no_score_at_all_is_a_failure(config: Config, judge: Judge) -> None:
    judge.bad_scores = {f"test-0-{n}" for n in range(40)}
    for _ in range(2):  # decoding, and from the store
        code, shown = run(config)
        assert code == 1
        assert "no example was scored; the first error: scoring: RuntimeError: the scorer broke" in shown
    assert len(stored(config)) == 10


def test_a_setting_that_fails_is_told_and_nothing_is_stored(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Evaluator, *arguments: object) -> None:
        raise RuntimeError("no such kernel\nand more")

    monkeypatch.setattr(Evaluator, "slices", fail)
    code, shown = run(config)
    assert code == 1
    assert "1 of 1 settings failed" in shown and "RuntimeError: no such kernel" in shown
    assert stored(config).empty
    monkeypatch.undo()


def test_the_folder_is_the_same_for_the_same_question(make_config: Make, config: Config) -> None:
    def folder(config: Config) -> str:
        return folder_of(config, planned(config)).name

    assert folder(config) == folder(make_config("task.name=judge", "batch_size=1"))
    assert folder(config) != folder(make_config("task.name=judge", "axon.anchors=2"))
    assert folder(config).startswith("judge-confidence-random-10-")


def test_long_names_make_no_folder_that_a_file_system_refuses(
    make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pipeline.runs.run_folder.subjects", lambda plan: [["m" * 90 + str(n) for n in range(3)]]
    )
    path = folder_of(config := make_config(), planned(config))
    path.mkdir(parents=True)
    assert re.fullmatch(r"m{90}0\+m{8}-10-\w{6}", path.name)


@pytest.mark.slow
def test_a_sweep_over_several_tasks_and_decoders_has_a_folder_named_by_them(make_config: Make) -> None:
    """One that an earlier version called by the first alone is found again: W&B runs go by its name."""
    grid = {"task": ["lists", "arith"], "decoder": ["confidence", "dawn", "klass", "factor"]}
    config = make_config(f"sweep.groups={json.dumps({'all': {'grid': grid}})}")
    path = folder_of(config, planned(config))
    assert path.name.startswith("lists+arith-4_decoders-random-10-")
    earlier = path.with_name(path.name.replace("lists+arith-4_decoders", "judge-confidence"))
    earlier.mkdir(parents=True)
    assert folder_of(config, planned(config)) == earlier
    path.mkdir()  # the other is a copy that the user has made of it
    assert folder_of(config, planned(config)) == path
