"""A run that is done, and the command on it: for tests that import the fixtures."""

from __future__ import annotations

import io
import shutil
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
def config(make_config: Make, judge: Judge, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Its output is empty, and in the same place for every test."""
    out = tmp_path_factory.getbasetemp() / "a_run" / "out"
    shutil.rmtree(out, ignore_errors=True)
    return make_config("task.name=judge", f"out={out}", f"store={out / 'store'}")


@pytest.fixture
def folder(config: Config) -> Path:
    """Of a run that is done: decoded and drawn once, and put back as it was for every further test."""
    out = Path(config.out)
    kept = out.with_name("kept")
    if kept.exists():
        shutil.copytree(kept, out)
    else:
        shown = Console(file=io.StringIO(), width=100)
        assert run_job.run_job(config, composing(config), ["limit=10"], shown) == 0
        shutil.copytree(out, kept)
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
