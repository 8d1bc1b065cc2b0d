"""A rerun of a run of which a file can't be read says so in a line, not as a warning of Python's."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import open_run
from pipeline.inputs.config import Config
from pipeline.jobs.rerun import _recorded
from tests.pipeline.conftest import Judge
from tests.pipeline.jobs.test_job import run


@pytest.mark.slow
def test_a_file_that_cannot_be_read_is_told_in_a_line(
    make_config: Callable[..., Config], judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.jobs.run_job.compact", lambda *_: None)
    config = make_config("task.name=judge", "limit=8", "slice_size=4")
    code, text = run(config)
    assert code == 0
    damaged, _ = sorted(Path(config.store).glob("slices/*/*.parquet"))
    damaged.write_bytes(b"")
    shown = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        records = _recorded(open_run(text.splitlines()[-1]), None, Console(file=shown, width=80))
    [line] = shown.getvalue().splitlines()
    assert line.startswith(f"{damaged}: unreadable (") and len(records) == 4
