"""The command itself, with Ray: stopping, going on, failing settings, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pandas as pd
import pytest
from conftest import ROOT, compose_tree

from pipeline.config import read_config
from pipeline.evaluate import Evaluator
from pipeline.plan import Plan, make_plan
from pipeline.store import Store, StoreFull

pytestmark = pytest.mark.slow
LIMIT, SECONDS = 16, ["seconds_model", "seconds_capture", "seconds_select"]
WORDS = [
    "sweep=uncertainty_threshold",
    "speed.values=[0.5,0.9]",
    f"limit={LIMIT}",
    "slice_size=4",
    "wandb=off",
]


def words(checkpoint: Path, out: Path) -> list[str]:
    return [*WORDS, f"model.path={checkpoint}", f"out={out}", "cluster.workers=2"]


def start(arguments: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "launch.py"), *arguments]
    pipe = subprocess.PIPE
    # Its own session: Ctrl-C in a terminal reaches the whole group, and so does the test's.
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def plan_of(checkpoint: Path, out: Path) -> Plan:
    return make_plan(read_config(compose_tree(*words(checkpoint, out))))


def uninterrupted(checkpoint: Path, out: Path) -> pd.DataFrame:
    """The same settings in this process, each in one go, without Ray."""
    store, evaluator = Store(str(out / "store")), Evaluator(32)
    for setting in plan_of(checkpoint, out).settings.values():
        store.write_slice(setting.id, 0, LIMIT, evaluator.slice(setting, 0, LIMIT))
    return records(checkpoint, out)


def records(checkpoint: Path, out: Path) -> pd.DataFrame:
    settings = plan_of(checkpoint, out).settings
    return Store(str(out / "store")).load(settings, LIMIT).records.drop(columns=SECONDS)


def slices(out: Path) -> int:
    return len(list(out.glob("store/slices/*/*.parquet")))


def interrupt_after(arguments: list[str], out: Path, count: int) -> tuple[int, str, str, float]:
    """Runs until `count` more slices are stored, then Ctrl-C; also how long it then took to end."""
    goal, process = slices(out) + count, start(arguments)
    try:
        while slices(out) < goal and process.poll() is None:
            time.sleep(0.05)
    finally:  # also where the test itself is stopped: nothing may stay behind
        asked = time.monotonic()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        shown, errors = process.communicate(timeout=120)
    return process.returncode, shown, errors, time.monotonic() - asked


def left_behind(before: set[Path]) -> list[Path]:
    return sorted(set(Path("/tmp").glob("axon-ray-*")) - before)


def test_interrupted_sweeps_add_up_to_an_uninterrupted_one(checkpoint: Path, tmp_path: Path) -> None:
    scratch = set(Path("/tmp").glob("axon-ray-*"))
    parts = tmp_path / "parts"
    for count in (3, 10):
        code, shown, errors, seconds = interrupt_after(words(checkpoint, parts), parts, count)
        assert code == 130, shown + errors
        assert "Traceback" not in shown + errors
        assert "To go on: python launch.py sweep=uncertainty_threshold" in shown
        assert seconds < 30
    assert 13 <= slices(parts) < 48
    process = start(words(checkpoint, parts))
    shown, errors = process.communicate(timeout=400)
    assert process.returncode == 0, shown + errors
    assert errors == ""
    assert "stored already" in shown
    expected = uninterrupted(checkpoint, tmp_path / "whole")
    assert len(expected) == 12 * LIMIT
    pd.testing.assert_frame_equal(records(checkpoint, parts), expected)
    assert left_behind(scratch) == []


def test_a_setting_that_fails_leaves_the_others(checkpoint: Path, tmp_path: Path) -> None:
    doomed = next(iter(plan_of(checkpoint, tmp_path).settings))
    (tmp_path / "store/slices").mkdir(parents=True)
    (tmp_path / "store/slices" / doomed).write_text("a file where the setting's folder should be")
    process = start(words(checkpoint, tmp_path))
    shown, errors = process.communicate(timeout=400)
    assert process.returncode == 1, shown + errors
    assert "Traceback" not in shown + errors
    assert "1 of 12 settings failed; the rest is kept" in shown and doomed in shown
    assert len(records(checkpoint, tmp_path)) == 11 * LIMIT
    assert Path(shown.strip().splitlines()[-1], "report.html").is_file()


def test_a_full_store_ends_a_sweep_whose_results_could_not_be_kept() -> None:
    from pipeline import sweep

    def full(*_: object) -> None:
        raise StoreFull("store=x: nothing can be written; make room")

    trial = SimpleNamespace(
        _slices=[(0, 1), (1, 2)],
        _setting=SimpleNamespace(id="a"),
        _evaluator=SimpleNamespace(slice=lambda *_: []),
        _store=SimpleNamespace(write_slice=full),
        config={"setting": "a"},
    )
    result = sweep.SliceTrial.step(trial)  # type: ignore[arg-type]
    assert result["done"]
    watch = sweep.Watch(MagicMock(), MagicMock())
    watch.on_step_begin(0, [])
    watch.on_trial_result(0, [], trial, result)
    with pytest.raises(StoreFull, match=r"^store=x: nothing can be written; make room$"):
        watch.on_step_begin(1, [])
