"""A run that ends with less than was asked for says so, keeps what it has, and never exits with 0."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from pipeline import report
from pipeline.errors import ConfigError
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs import places
from pipeline.inputs.config import SETTING_KEYS, Config, WandbSettings
from pipeline.jobs import run_job
from pipeline.report import tracker
from pipeline.runs.run_folder import RunFolder
from pipeline.storage.store import Store
from pipeline.workers.execute import execute_here
from tests.pipeline.conftest import Judge, composing, planned

Make = Callable[..., Config]


def run(config: Config) -> tuple[int, str]:
    shown = io.StringIO()
    code = run_job.run_job(config, composing(config), ["limit=10"], Console(file=shown, width=100))
    return code, shown.getvalue()


@pytest.fixture
def config(make_config: Make, judge: Judge) -> Config:
    return make_config("task.name=judge")


def only_setting(config: Config) -> str:
    [setting_id] = planned(config).settings
    return setting_id


def kept(config: Config) -> int:
    return len(Store(config.store).load([only_setting(config)], config.limit).records)


@pytest.mark.slow
def test_a_folder_in_a_slices_place_makes_the_run_incomplete(config: Config) -> None:
    taken = Path(config.store, "slices", only_setting(config), "4-8.parquet")
    taken.mkdir(parents=True)
    code, shown = run(config)
    assert code == 1
    assert "lacks 6 of 10 examples: IsADirectoryError" in shown and "1 of 1 settings failed" in shown
    assert kept(config) == 4 and list(taken.iterdir()) == []
    taken.rmdir()
    assert run(config)[0] == 0 and kept(config) == 10


@pytest.mark.slow
def test_a_slice_that_is_lost_after_it_was_written_is_missed(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Store._write

    def lose(self: Store, path: str, data: bytes) -> None:
        if not path.endswith("8-10.parquet"):
            write(self, path, data[:-9] if path.endswith("4-8.parquet") else data)

    monkeypatch.setattr(Store, "_write", lose)
    code, shown = run(config)
    assert code == 1
    assert "lacks 6 of 10 examples: " in shown and "4-8.parquet: unreadable" in shown
    monkeypatch.setattr(
        Store,
        "_write",
        lambda self, path, data: None if path.endswith("8-10.parquet") else write(self, path, data),
    )
    code, shown = run(config)
    assert code == 1
    assert f"lacks 2 of 10 examples: not in {Path(config.store)}, though it was written there" in shown


def no_room(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_store_that_is_full_before_the_run_is_wrong_input(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(Store(config.store)._fs), "pipe_file", no_room)
    expected = (
        r"^store=.*: nothing can be written \(No space left on device\); make room, or choose another with"
    )
    with pytest.raises(ConfigError, match=expected):
        run(config)


def test_a_store_that_fills_up_ends_the_run_with_a_line_and_keeps_what_is_there(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe_file = run_job.Store(config.store)._fs.pipe_file

    def filling(path: str, data: bytes) -> None:
        no_room() if "/4-8.parquet" in path else pipe_file(path, data)

    monkeypatch.setattr(
        type(run_job.Store(config.store)._fs), "pipe_file", lambda self, *args: filling(*args)
    )
    code, shown = run(config)
    assert code == 1
    line = shown.strip().splitlines()[-1]
    assert line.startswith(
        f"store={Path(config.store)}: nothing can be written (No space left on device); make room. 4 of 10"
    )
    assert line.endswith("examples are kept. To go on: python launch.py limit=10")
    assert kept(config) == 4 and not list(Path(config.store).rglob("*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize("full", ["grow", "write_report", "to_csv", "track"])
def test_a_full_disk_under_the_report_costs_no_results(
    full: str, make_config: Make, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        if full == "track":
            config = replace(config, wandb=WandbSettings("offline", "p"))
            patch.setattr(tracker, "track", no_room)
        elif full == "grow":  # of run.json, once all is decoded; so does its end
            patch.setattr(RunFolder, "grow", no_room)
            patch.setattr(RunFolder, "end", no_room)
        elif full == "to_csv":
            patch.setattr("pandas.DataFrame.to_csv", no_room)
        else:
            patch.setattr(report, "write_report", no_room)
        code, shown = run(config)
    assert code == 1
    line = shown.strip().splitlines()[-1]
    assert line.startswith(
        f"out={config.out}: the report is not whole (No space left on device); the results are"
    )
    assert kept(config) == 10
    code, shown = run(make_config("task.name=judge"))
    assert code == 0 and "10 of 10 stored already" in shown


def test_a_full_disk_under_the_run_folder_is_wrong_input(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "write_bytes", no_room)
    with pytest.raises(
        ConfigError, match=r"^out=.*: can't be written \(No space left on device\); make room"
    ):
        run(config)
    assert not list(Path(config.store).rglob("*.parquet"))


@pytest.mark.slow
def test_a_report_is_made_of_a_store_that_cannot_be_written(
    make_config: Make, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write whatever a folder's mode says, so every way to write raises."""
    run(config)
    (Path(config.store) / "settings" / f"{only_setting(config)}.json").write_text("{")
    filesystem = type(Store(config.store)._fs)
    for name in ("makedirs", "mkdir", "pipe_file", "mv", "rm_file", "touch"):
        monkeypatch.setattr(filesystem, name, no_room)
    checked: list[str] = []
    monkeypatch.setattr(places, "check_folder", lambda key, folder: checked.append(key))
    code, shown = run(make_config("task.name=judge", "job=report"))
    assert code == 0 and "10 of 10 stored already" in shown
    assert checked == ["out"]


@pytest.mark.slow
def test_leftovers_of_writers_that_died_go_with_the_next_run(config: Config) -> None:
    run(config)
    left = Path(config.store, "slices", only_setting(config), "4-8.parquet.00.tmp")
    left.write_bytes(b"half")
    os.utime(left, (time.time() - 7200,) * 2)
    assert run(config)[0] == 0
    assert not left.exists()


@pytest.mark.slow
def test_whatever_can_be_swept_gives_a_report(
    make_config: Make, judge: Judge, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't is refused in the plan: no sweep decodes everything and then has nothing to show for it."""

    def run_sweep(backlog: Any, config: Config, store: str, display: Any) -> None:
        execute_here(backlog, Evaluator(config.batch_size), Store(store), config.limit, display)

    monkeypatch.setitem(sys.modules, "pipeline.workers.sweep", SimpleNamespace(run_sweep=run_sweep))
    grids: dict[str, list[Any]] = {
        "model": [{**asdict(make_config().model), "dtype": "bfloat16"}],
        "model.attention_kernel": ["sdpa", "eager"],
        "task.shot_style": ["text", "turns"],
        "decoder": ["dawn", "fixed_steps", "left_to_right"],
        "axon.gate": ["never", "always"],
        "axon.attention_layers": ["all", "last 1"],
        "gen_length": [4, 16],
        "block_length": [2, 8],
        "temperature": [0.0, 0.7],
        "end_of_text": ["stop_at_eos", "logits_eos_inf"],
        "block_alignment": ["absolute"],
        "sink_rows": ["visible"],
        "top_p": [None],
        "cache": ["none"],
        "seed": [1, 2],
    }
    assert {key.split(".")[0] for key in grids} == set(SETTING_KEYS)
    groups = json.dumps({key: {"grid": {key: values}} for key, values in grids.items()})
    code, shown = run(make_config("task.name=judge", "limit=4", f"sweep.groups={groups}"))
    assert code == 0, shown
    assert len(pd.read_csv(Path(shown.strip().splitlines()[-1], "points.csv"))) >= 15
