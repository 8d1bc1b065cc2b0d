"""A run that is done, and the command on it: for tests that import the fixtures."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from pipeline.errors import ConfigError
from pipeline.inputs.config import Config
from pipeline.jobs import run_job, runs_command
from pipeline.runs.run_folder import folder_of
from tests.pipeline.conftest import Judge, composing, planned

Make = Callable[..., Config]


@pytest.fixture
def config(make_config: Make, judge: Judge) -> Config:
    return make_config("task.name=judge")


@pytest.fixture
def folder(config: Config) -> Path:
    """Of a run that is done."""
    code = run_job.run_job(config, composing(config), ["limit=10"], Console(file=io.StringIO(), width=100))
    assert code == 0
    return folder_of(config, planned(config))


def main(*words: str) -> tuple[int, str]:
    shown = io.StringIO()
    console = Console(file=shown, width=100)
    code = runs_command.main(dict(word.split("=", 1) for word in words), console)
    return code, shown.getvalue()


@pytest.fixture
def refused() -> Callable[..., str]:
    """The one line of the error that the words are refused with."""

    def line(*words: str) -> str:
        with pytest.raises(ConfigError) as error:
            main(*words)
        [told] = error.value.lines
        assert "\n" not in told
        return told

    return line


def change_slice(config: Config, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    [file] = Path(config.store).glob(f"slices/*/{name}.parquet")
    pq.write_table(change(pq.read_table(file)), file)
