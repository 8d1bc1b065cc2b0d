"""A run read from Python: settings, points and records as tables, from wherever the program runs."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from pipeline import OpenedRun, open_run
from pipeline.errors import ConfigError
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config
from pipeline.jobs import run_job
from pipeline.runs.run import Run
from pipeline.runs.run_folder import folder_of
from pipeline.storage.store import Store
from tests.pipeline.conftest import ROOT, Judge, composing, planned, sliced

Make = Callable[..., Config]
GROUPS = 'sweep.groups={"a": {"grid": {"axon.anchors": [1, 2]}}, "b": {"set": {"axon.gate": "never"}}}'


@pytest.fixture
def config(make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A sweep whose settings are all stored: it needs no Ray."""
    config = make_config("task.name=judge", "limit=6", "slice_size=3", GROUPS)
    store, evaluator = Store(config.store), Evaluator(3)
    for setting in planned(config).settings.values():
        for start in (0, 3):
            store.write_slice(setting.id, start, start + 3, sliced(evaluator, setting, start, start + 3))
    assert run_job.run_job(config, composing(config), [], Console(file=io.StringIO())) == 0
    return config


@pytest.fixture
def opened(config: Config) -> OpenedRun:
    return open_run(folder_of(config, planned(config)))


@pytest.mark.slow
def test_settings_have_every_value_under_the_key_that_sets_it(config: Config, opened: OpenedRun) -> None:
    plan, table = planned(config), opened.settings
    assert table["setting_id"].tolist() == list(plan.settings)
    assert table["group"].tolist() == ["a", "a", "b"]
    assert table["axon.anchors"].tolist() == [1, 2, config.decode.axon.anchors]
    assert table["axon.gate"].tolist() == ["coverage_gap", "coverage_gap", "never"]
    assert list(table.columns[:7]) == [
        *("setting_id", "group", "model", "task", "decoder"),
        *("axon.anchors", "axon.gate"),  # what was varied comes first
    ]
    assert set(table["task"]) == {"judge"} and set(table["decoder"]) == {config.decode.decoder.name}
    assert set(table["decoder.threshold"]) == {config.decode.decoder.threshold}
    assert set(table["gen_length"]) == {8} and set(table["model.dtype"]) == {"float32"}


@pytest.mark.slow
def test_records_and_points_are_those_of_the_store_and_the_report(config: Config, opened: OpenedRun) -> None:
    stored = Store(config.store).load(planned(config).settings, 6).records
    pd.testing.assert_frame_equal(opened.records, stored)
    assert len(opened.records) == 18
    written = pd.read_csv(opened.path / "points.csv")
    assert opened.points["setting_id"].tolist() == opened.settings["setting_id"].tolist()
    for name in ("n", "quality", "quality_lo", "nfe", "tokens_per_step"):
        assert opened.points[name].tolist() == pytest.approx(written[name].tolist())


@pytest.mark.slow
def test_quality_at_matched_nfe_is_there_where_there_are_enough_examples(
    opened: OpenedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert opened.matched_nfe.empty
    monkeypatch.setattr("pipeline.report.comparisons.matched.MIN_EXAMPLES", 6)
    found = open_run(opened.path).matched_nfe
    assert set(found["n"]) == {6} and set(found["front"]) == {"a"}
    assert found[["difference", "mixed_difference"]].notna().all(axis=None)


@pytest.mark.slow
def test_the_tables_join_by_their_setting(opened: OpenedRun) -> None:
    joined = opened.records.merge(opened.settings, on="setting_id")
    assert len(joined) == len(opened.records)
    means = joined.groupby("axon.anchors")["score"].mean()
    assert set(means.index) == {1, 2}


@pytest.mark.slow
def test_nothing_is_written_and_nothing_decoded(opened: OpenedRun) -> None:
    below = opened.path.parents[1]
    before = {file: file.stat().st_mtime_ns for file in below.rglob("*")}
    again = open_run(str(opened.path))
    assert isinstance(again.run, Run) and again.run == opened.run
    assert len(again.settings) and len(again.points) and len(again.records)
    assert before == {file: file.stat().st_mtime_ns for file in below.rglob("*")}
    assert "3 settings, done" in repr(again)


@pytest.mark.slow
def test_a_damaged_file_is_warned_of(config: Config, opened: OpenedRun) -> None:
    damaged = next(Path(config.store).glob("slices/*/0-3.parquet"))
    damaged.write_bytes(b"")
    with pytest.warns(UserWarning, match=r"0-3\.parquet: unreadable"):
        assert len(open_run(opened.path).records) == 15


@pytest.mark.slow
def test_a_store_that_cannot_be_had_is_an_error_of_one_line(
    opened: OpenedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: Store) -> bool:
        raise RuntimeError("Unable to locate credentials")

    monkeypatch.setattr(Store, "exists", denied)
    with pytest.raises(
        ConfigError, match=r"^run=.*: its store .* can't be read \(Unable to locate credentials\)"
    ):
        _ = opened.records
    monkeypatch.setattr("pipeline.runs.opened.store_of", lambda *_: "foo://bucket")
    with pytest.raises(ConfigError, match=r"^run=.*: its store foo://bucket can't be opened"):
        _ = open_run(opened.path).records


@pytest.mark.slow
def test_it_works_from_any_folder_and_importing_the_package_is_light(
    opened: OpenedRun, tmp_path: Path
) -> None:
    program = (
        "import sys; import pipeline\n"
        "heavy = {'torch', 'pandas', 'pydantic', 'ray', 'transformers', 'hydra'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "from pipeline import open_run\n"
        "assert not {'ray', 'hydra', 'wandb', 'plotly'} & set(sys.modules)\n"
        f"print(len(open_run({str(opened.path)!r}).records))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "18", done.stderr
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = __import__("pipeline").nothing
