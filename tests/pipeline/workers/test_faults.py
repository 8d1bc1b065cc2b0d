"""What can go wrong around a job leaves the records of an undisturbed one, and ends with a line, not a traceback."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pandas as pd
import pytest

import launch
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config
from pipeline.jobs import run_job
from pipeline.runs import opening, run_folder
from pipeline.runs.run import read_run
from pipeline.storage import store as store_module
from pipeline.storage.store import Store
from tests.pipeline.conftest import Judge, ended_after, interrupt, planned, sliced
from tests.pipeline.jobs.test_job import UNSTEADY, run, stored
from tests.pipeline.storage.test_store import damage

pytestmark = pytest.mark.slow

Make = Callable[..., Config]
ASKED = ("task.name=judge", "limit=24")


@pytest.fixture
def config(make_config: Make, judge: Judge) -> Config:
    return make_config(*ASKED)


@pytest.fixture
def whole(make_config: Make, judge: Judge, tmp_path: Path) -> pd.DataFrame:
    """The records of an undisturbed job."""
    undisturbed = make_config(*ASKED, f"store={tmp_path / 'undisturbed'}")
    [setting] = planned(undisturbed).settings.values()
    Store(undisturbed.store).write_slice(setting.id, 0, 24, sliced(Evaluator(3), setting, 0, 24))
    return steady(undisturbed)


def steady(config: Config) -> pd.DataFrame:
    return stored(config).drop(columns=UNSTEADY)


def test_wandb_out_of_reach_costs_a_line_and_the_next_run_logs(
    make_config: Make, whole: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*arguments: Any) -> int:
        raise ConnectionError("Network is unreachable")

    config = make_config(*ASKED, "wandb.mode=offline")
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.report.tracker.client._log", unreachable)
        code, shown = run(config)
    assert code == 0 and "Traceback" not in shown
    assert "wandb.mode=offline: could not log (Network is unreachable); run again, or with" in " ".join(
        shown.split()
    )
    pd.testing.assert_frame_equal(steady(config), whole)
    folder = Path(shown.strip().splitlines()[-1])
    assert (folder / "report.html").is_file() and read_run(folder).status == "done"
    code, shown = run(config)
    assert code == 0 and "3 new runs" in shown


def test_a_clock_that_is_set_back_over_and_over_changes_nothing(
    config: Config, whole: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Back(datetime):
        ticks = 0

        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            cls.ticks += 1
            return datetime(2026, 1, 1, tzinfo=UTC) - timedelta(days=cls.ticks)

    for module in (opening, run_folder, store_module):
        monkeypatch.setattr(module, "datetime", Back)
    with ended_after(3, lambda: os.kill(os.getpid(), signal.SIGINT)):
        assert run(config)[0] == 130
    writing = next(Path(config.store).glob("slices/*")) / "20-24.parquet.00.tmp"
    writing.write_bytes(b"another sweep writes it")
    code, shown = run(config)
    assert code == 0 and Back.ticks >= 4
    assert writing.is_file(), "by the clock it is written in the future"
    pd.testing.assert_frame_equal(steady(config), whole)
    ended = read_run(Path(shown.strip().splitlines()[-1]))
    assert ended.status == "done" and ended.finished is not None


def test_a_second_ctrl_c_while_the_first_is_answered_loses_nothing(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["limit=12", "slice_size=4", "wandb=off", f"model.path={checkpoint}", f"out={tmp_path / 'out'}"]
    monkeypatch.setattr(sys, "argv", ["launch.py", *words])
    outcomes, left = Store.outcomes, [True]

    def again(self: Store, *arguments: Any) -> Any:
        if ended and left:  # what is kept is counted for the last line
            left.clear()
            os.kill(os.getpid(), signal.SIGINT)
        return outcomes(self, *arguments)

    ended: list[bool] = []

    def end() -> None:
        ended.append(True)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Store, "outcomes", again)
    with ended_after(2, end):
        assert launch.main() == 130
    shown = capsys.readouterr()
    assert not left and "Traceback" not in shown.out + shown.err
    assert launch.main() == 0
    assert "8 of 12 stored already" in capsys.readouterr().out


def test_two_sweeps_on_one_store_at_once_end_with_the_records_of_one(
    make_config: Make, judge: Judge, whole: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command twice, but for the length of its slices: both plan before anything is stored."""
    monkeypatch.setattr("pipeline.runs.ending.make_report", lambda *_: None)
    begin, together = run_job.begin_run, Barrier(2, timeout=60)

    def begun(*arguments: Any) -> Any:
        together.wait()
        return begin(*arguments)

    monkeypatch.setattr(run_job, "begin_run", begun)
    configs = [make_config(*ASKED, f"slice_size={size}") for size in (3, 4)]
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(run, configs))
    assert [code for code, _ in ended] == [0, 0], ended
    pd.testing.assert_frame_equal(steady(configs[0]), whole)
    assert not list(Path(configs[0].out).rglob("*.tmp")) and not list(Path(configs[0].out).rglob(".run*"))


def test_damaged_slices_of_a_job_that_was_stopped_are_decoded_again(
    config: Config, whole: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so is, once the job has joined them, the damaged whole."""
    monkeypatch.setattr("pipeline.runs.ending.make_report", lambda *_: None)
    with ended_after(4, interrupt):
        assert run(config)[0] == 130
    slices = sorted(Path(config.store).glob("slices/*/*"))
    for path, how in zip(slices, ("cut short", "one byte turned", "empty"), strict=False):
        damage(path, how)
    code, shown = run(config)
    assert code == 0 and shown.count("unreadable") == 3
    pd.testing.assert_frame_equal(steady(config), whole)
    for how in ("cut short", "one byte turned"):
        [path] = Path(config.store).glob("slices/*/*")
        damage(path, how)
        code, shown = run(config)
        assert code == 0 and shown.count("unreadable") == 1
        pd.testing.assert_frame_equal(steady(config), whole)


def test_a_store_that_becomes_read_only_keeps_what_it_has_and_the_same_command_goes_on(
    config: Config, whole: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.runs.ending.make_report", lambda *_: None)
    files, left = type(Store(config.store)._fs), iter(range(4))
    writes = files.pipe_file

    def read_only(self: Any, path: str, data: bytes) -> None:
        if next(left, None) is None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        writes(self, path, data)

    with monkeypatch.context() as patch:
        patch.setattr(files, "pipe_file", read_only)
        code, shown = run(config)
    assert code == 1 and "nothing can be written (Read-only file system); make room. 12 of 24" in " ".join(
        shown.split()
    )
    with monkeypatch.context() as patch:
        patch.setattr(run_job, "compact", lambda *_: None)
        assert run(config)[0] == 0
    slices = list(Path(config.store).glob("slices/*/*"))
    with monkeypatch.context() as patch:  # finished: there is nothing to write but larger slices
        for name in ("pipe_file", "rm_file", "mv"):
            patch.setattr(files, name, read_only)
        assert run(config)[0] == 0
    assert len(slices) == 6 and set(slices) == set(Path(config.store).glob("slices/*/*"))
    pd.testing.assert_frame_equal(steady(config), whole)
