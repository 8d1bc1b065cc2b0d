"""job=compare: several runs on one page and in one table, each with the records of its own store."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import Judge, composing, planned
from rich.console import Console
from test_runs_command import main, refused

from pipeline import open_run
from pipeline.inputs.config import Config
from pipeline.jobs import run_job
from pipeline.runs.run_folder import folder_of

__all__ = ["refused"]  # a fixture
Make = Callable[..., Config]


def ran(config: Config) -> Path:
    """The folder of a run that is done."""
    run_job.run_job(config, composing(config), ["a command"], Console(file=io.StringIO(), width=100))
    return folder_of(config, planned(config))


@pytest.fixture
def runs(make_config: Make, judge: Judge) -> tuple[Path, Path]:
    """Two runs of two settings in one store."""
    first = ran(make_config("task.name=judge"))
    second = ran(make_config("task.name=judge", "axon.anchors=2", 'sweep.name="second"'))
    return first, second


def test_each_run_has_its_groups_on_one_page(runs: tuple[Path, Path], make_config: Make) -> None:
    code, shown = main("job=compare", f"runs=[{runs[0]},{runs[1]}]")
    out = Path(make_config().out) / "compare" / f"{runs[0].name}+{runs[1].name}"
    assert code == 0 and shown.splitlines()[-1] == str(out)
    points = pd.read_csv(out / "points.csv")
    assert points["n"].tolist() == [10, 10]
    assert [group.split(":")[0] for group in points["group"]] == ["single", "second"]
    assert points["setting_id"].tolist() == [open_run(run).run.settings[0].id for run in runs]
    page = (out / "report.html").read_text()
    assert f"{runs[0].name}: Made by: python launch.py" in page
    assert f"{runs[1].name}: Made by: python launch.py" in page


def test_a_setting_of_both_is_a_point_of_each_with_its_own_records(
    runs: tuple[Path, Path], make_config: Make, tmp_path: Path
) -> None:
    """The copied run's store says something else of the same setting."""
    shutil.copytree(make_config().out, tmp_path / "copy")
    for file in (tmp_path / "copy/store/slices").rglob("*.parquet"):
        table = pq.read_table(file)
        place = table.column_names.index("nfe")
        more = table.column("nfe").to_pandas() + 100
        pq.write_table(table.set_column(place, table.schema.field("nfe"), [more.tolist()]), file)
    copy = tmp_path / "copy" / runs[0].relative_to(make_config().out)
    code, _ = main("job=compare", f"runs=[{runs[0]}, {copy}]", f"out={tmp_path / 'both'}")
    points = pd.read_csv(tmp_path / "both/points.csv")
    assert code == 0 and len(points) == 2 and points["group"].nunique() == 2
    assert points["setting_id"].nunique() == 1
    assert points["nfe"].diff().iloc[1] == pytest.approx(100)


def test_a_run_that_lacks_records_is_told(runs: tuple[Path, Path], make_config: Make) -> None:
    [setting] = open_run(runs[1]).run.settings
    (Path(make_config().store) / f"slices/{setting.id}/4-8.parquet").unlink()
    code, shown = main("job=compare", f"runs=[{','.join(map(str, runs))}]")
    assert code == 0
    assert f"run={runs[1]}: 1 setting lacking some of 10 examples: this is a report of a part" in shown
    assert f"run={runs[0]}: " not in shown


def test_names_that_are_long_make_no_folder_that_is_too_long(make_config: Make, judge: Judge) -> None:
    folders = [ran(make_config("task.name=judge", "temperature=1.0", f"seed={n}")) for n in range(5)]
    code, shown = main("job=compare", f"runs=[{','.join(map(str, folders))}]")
    assert code == 0 and len(Path(shown.splitlines()[-1]).name) <= 110


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("runs=[{0}]", "runs=[{0}]: needs two or more different runs; write runs=[FOLDER,FOLDER]"),
        ("runs=[{0},{0}]", "runs=[{0},{0}]: needs two or more different runs; write runs=[FOLDER,FOLDER]"),
        ("runs=[{0},/nowhere]", "run=/nowhere: has no run.json ("),
        ("runs=", "job=compare: needs runs=[FOLDER,FOLDER]"),
    ],
)
def test_what_cannot_be_compared_is_told(
    words: str, expected: str, runs: tuple[Path, Path], refused: Callable[..., str]
) -> None:
    assert refused("job=compare", words.format(*runs)).startswith(expected.format(*runs))


def test_a_run_of_which_nothing_is_stored_is_told(
    runs: tuple[Path, Path], make_config: Make, refused: Callable[..., str]
) -> None:
    [setting] = open_run(runs[1]).run.settings
    shutil.rmtree(Path(make_config().store) / f"slices/{setting.id}")
    line = refused("job=compare", f"runs=[{runs[0]},{runs[1]}]")
    assert line == f"run={runs[1]}: nothing of it is stored; run it first: python launch.py 'a command'"
