"""Jobs on a run that exists: draw its report again, decode it again. No config is composed, no model needed to draw."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from pipeline import open_run
from pipeline.checkpoints import checkpoint
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config
from pipeline.jobs import rerun, run_job
from pipeline.planning.plan import Plan
from pipeline.runs.run import FORMAT, RUN_FILE, write_run
from pipeline.runs.run_folder import folder_of
from pipeline.show import replay
from tests.pipeline.conftest import Judge, composing, ended_after, interrupt, planned, size, write_checkpoint
from tests.pipeline.jobs.a_run import change_slice, config, folder, main, refused

__all__ = ["config", "folder", "refused"]  # fixtures


@pytest.mark.slow
@pytest.mark.parametrize("given", [{}, {"wandb": 7}])
def test_a_run_json_without_its_config_is_told(folder: Path, given: object, refused: Any) -> None:
    whole = json.loads((folder / RUN_FILE).read_text())
    (folder / RUN_FILE).write_text(json.dumps(whole | {"config": given}))
    assert "is damaged (its config has no wandb.project)" in refused("job=report", f"run={folder}")


def result(folder: Path) -> dict[str, Any]:
    loaded = json.loads((folder / "rerun.json").read_text())
    assert isinstance(loaded, dict)
    return loaded


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.slow
def test_a_report_is_drawn_again_without_a_model_and_without_composing(
    config: Config, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(folder)
    for file in before.keys() - {folder / RUN_FILE}:
        file.unlink()
    for never, name in ((checkpoint, "open_checkpoint"), (Plan, "__init__"), (Evaluator, "__init__")):
        monkeypatch.setattr(never, name, lambda *_: pytest.fail("needs a model or a config"))
    code, shown = main("job=report", f"run={folder}")
    assert code == 0 and shown.splitlines()[-1] == str(folder)
    assert contents(folder) == before


@pytest.mark.slow
def test_a_report_is_drawn_into_another_folder(folder: Path, tmp_path: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    code, shown = main("job=report", f"run={folder}", f"out={tmp_path / 'other'}")
    assert code == 0 and shown.splitlines()[-1] == str(tmp_path / "other")
    assert {file.name for file in (tmp_path / "other").iterdir()} == {
        "details",
        "front.png",
        "points.csv",
        "report.html",
    }
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == before


@pytest.mark.slow
def test_a_report_of_a_part_says_so(config: Config, folder: Path) -> None:
    next(Path(config.store).glob("slices/*/4-8.parquet")).unlink()
    code, shown = main("job=report", f"run={folder}")
    assert code == 0
    assert (
        "1 setting lacking some of 10 examples: this is a report of a part; to go on: python launch.py limit=10"
        in shown
    )
    assert pd.read_csv(folder / "points.csv")["n"].tolist() == [6]


@pytest.mark.slow
def test_a_rerun_finds_every_record_equal(folder: Path) -> None:
    code, shown = main("job=rerun", f"run={folder}")
    assert code == 0
    assert "10 of 10 records are equal" in shown
    assert "in float32, attention kernel sdpa" in shown
    assert "same model, task, code, packages and machine as in the run" in shown
    assert shown.splitlines()[-1] == str(folder / "rerun.json")
    found = result(folder)
    assert (found["all_equal"], found["compared"], found["missing"]) == (True, 10, 0)
    assert not (folder / "rerun").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "batch_size"), [(1, 1), (5, 2), (10, 7), (99, 32)])
def test_a_rerun_of_the_first_examples_at_any_batch_size(limit: int, batch_size: int, folder: Path) -> None:
    code, shown = main("job=rerun", f"run={folder}", f"limit={limit}", f"batch_size={batch_size}")
    count = min(limit, 10)
    assert code == 0 and f"{count} of {count} records are equal" in shown
    assert result(folder)["compared"] == count


@pytest.mark.slow
def test_a_record_that_differs_is_named_with_both_values(config: Config, folder: Path) -> None:
    [file] = Path(config.store).glob("slices/*/4-8.parquet")
    tokens = pq.read_table(file).column("tokens").to_pylist()

    def other(table: pa.Table) -> pa.Table:
        changed = [*tokens[:2], [*tokens[2][:3], 77, *tokens[2][4:]], tokens[3]]
        place = table.column_names.index("tokens")
        return table.set_column(place, table.schema.field("tokens"), pa.array(changed, pa.list_(pa.int64())))

    change_slice(config, "4-8", other)
    code, shown = main("job=rerun", f"run={folder}")
    [setting] = planned(config).settings.values()
    assert code == 1
    assert "9 of 10 records are equal:" in shown
    assert f"{setting} ({setting.id}), test-0-6: tokens [3]=77 then, [3]={tokens[2][3]} now" in shown
    assert "columns that differ: tokens in 1" in shown
    found = result(folder)
    assert not found["all_equal"] and found["columns"] == {"tokens": 1}
    assert found["differences"][0]["example_id"] == "test-0-6"


@pytest.mark.slow
def test_what_the_store_lost_is_not_compared(config: Config, folder: Path) -> None:
    next(Path(config.store).glob("slices/*/4-8.parquet")).unlink()
    code, shown = main("job=rerun", f"run={folder}")
    assert code == 0 and "6 of 6 records are equal" in shown


def test_a_setting_that_fails_again_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Evaluator, *_: object) -> None:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(Evaluator, "slices", fail)
    code, shown = main("job=rerun", f"run={folder}")
    assert code == 1
    assert "0 of 10 records are equal:" in shown and "10 could not be decoded again" in shown
    assert "1 of 1 settings failed" in shown and "RuntimeError: no such kernel" in shown
    assert (folder / "rerun").exists(), "kept, to be tried again"


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_rerun_that_is_stopped_goes_on(count: int, config: Config, folder: Path) -> None:
    before = (folder / RUN_FILE).read_bytes()
    with ended_after(count, interrupt) as before_it:
        code, shown = main("job=rerun", f"run={folder}")
    assert code == 130
    assert (
        f"Stopped. {size(before_it)} of 10 examples are kept. To go on: python launch.py job=rerun run="
        in shown
    )
    assert open_run(folder / "rerun").run.status == "stopped"
    assert not (folder / "rerun.json").exists()
    with ended_after(99, interrupt) as decoded:
        code, shown = main("job=rerun", f"run={folder}")
    assert code == 0 and "10 of 10 records are equal" in shown
    assert sorted(before_it + decoded) == [(0, 4), (4, 8), (8, 10)] and len(before_it) == count
    assert (folder / RUN_FILE).read_bytes() == before and not (folder / "rerun").exists()


@pytest.mark.slow
def test_a_rerun_does_not_go_on_from_another_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ended_after(2, interrupt):
        main("job=rerun", f"run={folder}")
    elsewhere = replace(open_run(folder).run.environment, python="9.9")
    monkeypatch.setattr(rerun, "this_environment", lambda: elsewhere)
    with ended_after(99, interrupt) as decoded:
        code, shown = main("job=rerun", f"run={folder}")
    assert code == 0 and len(decoded) == 3
    assert "stopped in another environment; this one starts afresh" in shown
    assert "python: " in shown and "then, 9.9 now" in shown
    assert any("9.9 now" in line for line in result(folder)["changed"])


@pytest.mark.slow
def test_another_model_in_the_same_place_is_told(
    make_config: Callable[..., Config], judge: Judge, tmp_path: Path, refused: Callable[..., str]
) -> None:
    place = write_checkpoint(tmp_path / "model")
    config = make_config("task.name=judge", f"model.path={place}")
    run_job.run_job(config, composing(config), [], Console(file=io.StringIO()))
    folder = folder_of(config, planned(config))
    described = json.loads((place / "tokenizer_config.json").read_text())
    (place / "tokenizer_config.json").write_text(json.dumps(described | {"of_no_meaning": 1}))
    checkpoint.open_checkpoint.cache_clear()
    code, shown = main("job=rerun", f"run={folder}")
    assert code == 0, "it decodes as before"
    assert "model.content: " in shown and "same model" not in shown
    shutil.rmtree(place)
    checkpoint.open_checkpoint.cache_clear()
    assert main("job=report", f"run={folder}")[0] == 0
    assert refused("job=rerun", f"run={folder}").startswith(f"model.path='{place}': no such folder")


WRONG = {
    "job=run": "job=run: does not take run=FOLDER or runs=[A,B]; one of report, rerun, compare",
    "": "job: missing; with run=FOLDER or runs=[A,B] one of report, rerun, compare",
    "job=report limit=3": "limit=3: job=report takes run, out, wandb, nfe, against, format; leave it out",
    "job=rerun out=x": "out=x: job=rerun takes run, limit, batch_size, workers; leave it out",
    "job=compare": "run={folder}: job=compare takes runs, under, store, where, out, wandb, nfe, ",
    "job=report wandb=on": "wandb=on: unknown; one of off, offline, online",
    "job=rerun limit=0": "limit=0: must be a whole number of at least 1; write digits alone",
    "job=rerun batch_size=two": "batch_size=two: must be a whole number of at least 1; write digits alone",
    "job=rerun workers=-1": "workers=-1: must be a whole number of at least 1; write digits alone",
    "job=report out=/proc/none": "out=/proc/none: can't be written (",
}


@pytest.mark.slow
@pytest.mark.parametrize("words", WRONG)
def test_wrong_words_are_told(words: str, folder: Path, refused: Callable[..., str]) -> None:
    assert refused(f"run={folder}", *words.split()).startswith(WRONG[words].replace("{folder}", str(folder)))


STRANGER = "~nobody-of-that-name/x"
OF_A_STRANGER = {
    "job=report run={folder}": "out",
    "job=show run={folder} format=svg": "out",
    "job=compare store={store}": "out",
    "job=report": "run",
    "job=compare": "under",
    "job=compare where=true": "store",
    "job=list": "under",
}


@pytest.mark.slow
@pytest.mark.parametrize("words", OF_A_STRANGER)
def test_the_home_of_a_user_whom_nobody_knows_is_told_before_anything_is_decoded(
    words: str, config: Config, folder: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay.Stage, "show", None)
    key, given = OF_A_STRANGER[words], words.format(folder=folder, store=config.store)
    line = f"{key}={STRANGER}: there is no such user here; write the full path"
    assert refused(*given.split(), f"{key}={STRANGER}") == line


def test_a_run_whose_store_is_a_strangers_is_told(folder: Path, refused: Callable[..., str]) -> None:
    """As on another machine than the one where it was written out."""
    opened = open_run(folder)
    write_run(folder, replace(opened.run, store=STRANGER))
    assert refused("job=report", f"run={folder}").startswith(f"run={folder}: ")


@pytest.mark.slow
@pytest.mark.parametrize("job", ["report", "rerun"])
def test_what_is_no_run_that_can_be_read_is_told(
    job: str, config: Config, folder: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    assert refused(f"job={job}", "run=").startswith(f"job={job}: needs run=FOLDER; give the folder")
    line = refused(f"job={job}", f"run={tmp_path / 'none'}")
    assert (
        line.startswith(f"run={tmp_path / 'none'}: has no run.json (") and "the folder that a job's" in line
    )
    file = folder / RUN_FILE
    whole = file.read_text()
    file.write_text(whole.replace(f'"format": {FORMAT}', '"format": 99', 1))
    assert f"run={folder}: run.json is not of this version (its format is 99, not {FORMAT}): " in refused(
        f"job={job}", f"run={folder}"
    )
    file.write_text(whole)
    kept = Path(config.store).rename(tmp_path / "kept")
    line = refused(f"job={job}", f"run={folder}")
    assert line == (
        f'run={folder}: its store {config.store} is gone; put it back, write where it lies now as "store" into '
        "run.json, or run again: python launch.py limit=10"
    )
    (kept / "slices").rename(Path(config.store).parent / "aside")
    (kept / "slices" / "empty").mkdir(parents=True)
    kept.rename(config.store)
    assert "python launch.py limit=10" in refused(f"job={job}", f"run={folder}")


@pytest.mark.slow
def test_a_run_of_another_versions_config_is_not_decoded_again(
    folder: Path, refused: Callable[..., str]
) -> None:
    file = folder / RUN_FILE
    written = json.loads(file.read_text())
    written["config"]["of_another_version"] = 1
    file.write_text(json.dumps(written))
    line = refused("job=rerun", f"run={folder}")
    assert line.startswith(
        f"run={folder}: its config is not of this version (of_another_version: unknown key"
    )
    assert main("job=report", f"run={folder}")[0] == 0


@pytest.mark.slow
def test_a_report_compares_at_the_budgets_and_writes_the_tables_asked_for(
    folder: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    words = ("job=report", f"run={folder}", f"out={tmp_path}")
    code, told = main(*words, "nfe=[2, 4]", "format=[csv,d3llm]")
    assert code == 0
    assert (tmp_path / "table.csv").exists() and "table.csv" in told
    assert not (tmp_path / "table.md").exists()
    assert list(tmp_path.glob("aup-*.yaml"))
    formats = "one of markdown, latex, csv, score_tpf, d3llm"
    assert refused(*words, "format=[csv,tex]") == f"format=tex: unknown; {formats}"
    for wrong in ("0", "-1", "nan", "inf", "many"):
        assert refused(*words, f"nfe=[8,{wrong}]").startswith(f"nfe={wrong}: must be a number above 0;")
    assert refused(*words, "nfe=[]").startswith("nfe=[]: must not be empty;")
    assert refused(*words, "against=nobody").startswith("against=nobody: unknown; one of ")
    assert refused("job=rerun", f"run={folder}", "nfe=8").startswith("nfe=8: job=rerun takes ")
