"""job=compare: several runs on one page and in one table, each with the records of its own store."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from pipeline import open_run
from pipeline.errors import ConfigError
from pipeline.inputs.config import Config
from pipeline.jobs import run_job
from pipeline.jobs.import_job import import_job
from pipeline.runs.run_folder import folder_of
from tests.pipeline.conftest import Judge, composing, judging, planned, small_config
from tests.pipeline.jobs.a_run import main, refused

__all__ = ["refused"]  # a fixture
Make = Callable[..., Config]


def ran(config: Config) -> Path:
    """The folder of a run that is done."""
    run_job.run_job(config, composing(config), ["a command"], Console(file=io.StringIO(), width=100))
    return folder_of(config, planned(config))


@pytest.fixture(scope="module")
def made(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """Where they were written, and two runs of two settings in one store."""
    out = tmp_path_factory.mktemp("made") / "out"
    asked = [["task.name=judge"], ["task.name=judge", "axon.anchors=2", 'sweep.name="second"']]
    with pytest.MonkeyPatch.context() as patch:
        judging(patch)
        return out, [ran(small_config(checkpoint, out, *words)) for words in asked]


@pytest.fixture
def runs(made: tuple[Path, list[Path]], make_config: Make, judge: Judge) -> tuple[Path, Path]:
    """A copy of these runs, to change."""
    source, (first, second) = made
    out = Path(make_config().out)
    shutil.copytree(source, out)
    return out / first.relative_to(source), out / second.relative_to(source)


@pytest.mark.slow
def test_each_run_has_its_groups_on_one_page(runs: tuple[Path, Path], make_config: Make) -> None:
    code, shown = main("job=compare", f"runs=[{runs[0]},{runs[1]}]")
    out = Path(make_config().out) / "compare" / f"{runs[0].name}+{runs[1].name}"
    assert code == 0 and shown.splitlines()[-1] == str(out)
    points = pd.read_csv(out / "points.csv")
    assert points["n"].tolist() == [10, 10]
    names = [f"confidence + coverage_gap/fixed anchors={count}" for count in (1, 2)]
    assert points["group"].tolist() == names, "what tells them apart: they are of no sweep"
    assert points["setting_id"].tolist() == [open_run(run).run.settings[0].id for run in runs]
    page = (out / "report.html").read_text()
    for name in names:
        assert f"{name}: Made by: python launch.py" in page and f"{name}: Run on 20" in page


@pytest.mark.slow
def test_runs_are_called_as_the_user_says_wherever_they_are_shown(
    runs: tuple[Path, Path], make_config: Make
) -> None:
    named = f"runs=[one anchor={runs[0]},two={runs[1]}]"
    code, shown = main("job=compare", named, "format=latex", "wandb=offline", "against=one anchor")
    out = Path(shown.splitlines()[-1])
    assert code == 0 and out.parent == Path(make_config().out) / "compare"
    assert re.fullmatch("one_anchor[+]two-[0-9a-f]{6}", out.name)
    points = pd.read_csv(out / "points.csv")
    assert points["run"].tolist() == points["group"].tolist() == ["one anchor", "two"]
    page, table = (out / "report.html").read_text(), (out / "table.tex").read_text()
    assert "one anchor: Made by: python launch.py" in page and "one anchor" in table and "two" in table
    logged = b"".join(file.read_bytes() for file in (out / "wandb").rglob("*.wandb"))
    assert b"one anchor" in logged
    for folder in runs:
        assert folder.name not in page + table + shown + str(points.to_dict())
    code, shown = main("job=compare", named, 'where=run == "two"')
    assert code == 0 and "1 of 2 settings, in 1 of 2 runs" in shown


@pytest.mark.slow
def test_stores_are_called_as_the_user_says(
    runs: tuple[Path, Path], make_config: Make, tmp_path: Path
) -> None:
    store = make_config().store
    shutil.copytree(store, tmp_path / "copy")
    [first] = open_run(runs[0]).run.settings
    shutil.rmtree(tmp_path / "copy/slices" / first.id)
    words = (f"store=[here={store},copy={tmp_path}/copy]", f"out={tmp_path}/both")
    assert main("job=compare", *words)[0] == 0
    group = "confidence + coverage_gap/fixed"
    points = pd.read_csv(tmp_path / "both/points.csv")
    assert set(points["group"]) == {f"here: {group}", f"copy: {group}"}
    assert main("job=compare", *words, 'where=store == "copy"')[0] == 0
    assert len(pd.read_csv(tmp_path / "both/points.csv")) == 1


@pytest.mark.slow
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


@pytest.mark.slow
def test_runs_of_several_places_are_compared_here_and_not_in_what_these_have_in_common(
    runs: tuple[Path, Path], make_config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(make_config().out, tmp_path / "theirs/outputs")
    theirs = tmp_path / "theirs/outputs" / runs[1].relative_to(make_config().out)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    code, shown = main("job=compare", f"runs=[{runs[0]},{theirs}]")
    assert code == 0 and Path(shown.splitlines()[-1]).parent == Path("outputs/compare")


@pytest.mark.slow
def test_a_run_that_lacks_records_is_told(runs: tuple[Path, Path], make_config: Make) -> None:
    [setting] = open_run(runs[1]).run.settings
    (Path(make_config().store) / f"slices/{setting.id}/4-8.parquet").unlink()
    code, shown = main("job=compare", f"runs=[{','.join(map(str, runs))}]")
    assert code == 0
    assert f"run={runs[1]}: 1 setting lacking some of 10 examples: this is a report of a part" in shown
    assert f"run={runs[0]}: " not in shown


@pytest.mark.slow
def test_names_that_are_long_make_no_folder_that_is_too_long(make_config: Make, judge: Judge) -> None:
    folders = [ran(make_config("task.name=judge", "temperature=1.0", f"seed={n}")) for n in range(5)]
    code, shown = main("job=compare", f"runs=[{','.join(map(str, folders))}]")
    assert code == 0 and len(Path(shown.splitlines()[-1]).name) <= 110


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_run_of_which_nothing_is_stored_is_told(
    runs: tuple[Path, Path], make_config: Make, refused: Callable[..., str]
) -> None:
    [setting] = open_run(runs[1]).run.settings
    folder = Path(make_config().store) / f"slices/{setting.id}"
    files = list(folder.iterdir())
    for file in files:
        file.write_bytes(b"PAR1")
    with pytest.raises(ConfigError) as error:
        main("job=compare", f"runs=[{runs[0]},{runs[1]}]")
    *damaged, line = error.value.lines
    assert len(damaged) == len(files) and all(": unreadable (" in one for one in damaged)
    assert line == f"run={runs[1]}: nothing of it can be read; run it first: python launch.py 'a command'"
    shutil.rmtree(folder)
    line = refused("job=compare", f"runs=[{runs[0]},{runs[1]}]")
    assert line == f"run={runs[1]}: nothing of it is stored; run it first: python launch.py 'a command'"


@pytest.mark.slow
def test_all_runs_under_a_folder_are_compared_each_setting_once(
    runs: tuple[Path, Path], make_config: Make
) -> None:
    shutil.copytree(runs[0], runs[0].parent / "again")
    code, shown = main("job=compare", f"under={make_config().out}")
    assert code == 0 and "2 of 3 settings, in 2 of 3 runs" in shown
    points = pd.read_csv(Path(shown.splitlines()[-1]) / "points.csv")
    assert points["setting_id"].is_unique and len(points) == 2


@pytest.mark.slow
def test_settings_of_all_runs_are_chosen_by_a_condition(runs: tuple[Path, Path], make_config: Make) -> None:
    code, shown = main("job=compare", "where=axon.anchors == 2", f"under={make_config().out}")
    assert code == 0 and "1 of 2 settings, in 1 of 2 runs, where axon.anchors == 2" in shown
    points = pd.read_csv(Path(shown.splitlines()[-1]) / "points.csv")
    assert points["setting_id"].tolist() == [open_run(runs[1]).run.settings[0].id]


@pytest.mark.slow
def test_answers_from_elsewhere_lie_beside_ours_and_change_no_figure_of_them(
    runs: tuple[Path, Path], make_config: Make, tmp_path: Path
) -> None:
    rows = open_run(runs[0]).records[["example_id", "answer"]].to_dict("records")
    lines = [
        json.dumps({"example": row["example_id"], "answer": row["answer"], "nfe": nfe, "tau": tau})
        for row in rows
        for tau, nfe in ((0.5, 3), (0.9, None))
    ]
    (tmp_path / "theirs.jsonl").write_text("\n".join([*lines, '{"example": "no", "answer": "", "tau": 0.5}']))
    file = f'imported.file="{tmp_path / "theirs.jsonl"}"'
    config = make_config("task.name=judge", file, 'imported.name="theirs"', 'imported.point="tau"')
    assert import_job(config, ["job=import"], Console(file=io.StringIO(), width=100)) == 0
    folder = Path(config.out) / "imported" / "theirs"
    assert (folder / "refused.txt").read_text() == "line 21: 'no' is no example of judge (of 10)\n"
    main("job=compare", f"runs=[ours={runs[0]},paper={folder}]", f"out={tmp_path / 'both'}")
    points = pd.read_csv(tmp_path / "both/points.csv").set_index("label")
    assert points["foreign"].tolist() == [False, True, True] and points["n"].tolist() == [10, 10, 10]
    assert points.loc["tau=0.5", "nfe"] == 3 and points.loc["tau=0.5", "complete"]
    assert not points.loc["tau=0.9", "complete"] and pd.isna(points.loc["tau=0.9", "nfe"])
    assert points["group"].tolist() == ["ours", "paper (imported)", "paper (imported)"]
    alone = pd.read_csv(runs[0] / "points.csv").iloc[0]
    for name in ("quality", "quality_lo", "nfe", "nfe_hi"):
        np.testing.assert_equal(points.iloc[0][name], alone[name])
