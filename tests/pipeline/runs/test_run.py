"""run.json: what one command asked for and what came of it, whatever ended it."""

from __future__ import annotations

import getpass
import io
import json
import pwd
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from pipeline import open_run
from pipeline.errors import ConfigError
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.checks import check_home
from pipeline.inputs.config import Config, read_config
from pipeline.jobs import run_job
from pipeline.planning.setting import Setting, setting_id
from pipeline.runs.run import FORMAT, RUN_FILE, Run, private, read_run, store_from, store_of, write_run
from pipeline.runs.run_folder import RunFolder, folder_of
from pipeline.search import SEARCHES, Candidate
from pipeline.stop import Lost, Terminated
from pipeline.storage.store import Store, StoreFull
from tests.pipeline.conftest import ROOT, Judge, composing, planned
from tests.report.sweep import make_run, make_setting

Make = Callable[..., Config]


def run(config: Config, *arguments: str) -> int:
    words = arguments or ("limit=10",)
    return run_job.run_job(config, composing(config), words, Console(file=io.StringIO(), width=100))


def found(config: Config) -> Run:
    return read_run(folder_of(config, planned(config)))


@pytest.fixture
def config(make_config: Make, judge: Judge) -> Config:
    return make_config("task.name=judge")


@pytest.mark.slow
def test_a_run_holds_everything_that_was_asked_for(config: Config) -> None:
    assert run(config, "limit=10", "a b") == 0
    own, plan = found(config), planned(config)
    assert own.by_id == plan.settings and own.asked == len(plan.asked)
    assert read_config(own.config) == config
    assert own.command == "python launch.py limit=10 'a b'"
    assert (own.format, own.name, own.status, own.error, own.failures) == (FORMAT, "single", "done", None, {})
    assert own.limit == 10 and own.examples == dict.fromkeys(plan.settings, 10)
    assert own.finished and own.seconds == pytest.approx(
        (own.finished - own.started).total_seconds(), abs=1e-3
    )
    assert own.environment.packages["torch"] and own.environment.hardware.cores >= 1
    assert Store(store_of(own, folder_of(config, plan))).root == Store(config.store).root


@pytest.mark.slow
def test_it_is_written_before_anything_is_decoded(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Run] = []
    real = Evaluator.slices

    def looking(self: Evaluator, *arguments: Any) -> Any:
        seen.append(found(config))
        return real(self, *arguments)

    monkeypatch.setattr(Evaluator, "slices", looking)
    run(config)
    assert seen and all(own.status == "running" and own.finished is None for own in seen)
    assert seen[0].by_id == planned(config).settings


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "error", "code"),
    [
        (KeyboardInterrupt(), "Ctrl-C", 130),
        (Terminated(), "SIGTERM", 143),
        (StoreFull("store=x: no room"), "store=x: no room", 1),
        (Lost("Ray has died"), "Ray has died", 1),
        (ConfigError(["cluster: did not start"]), "cluster: did not start", ConfigError),
        (AssertionError("a fault of ours"), "a fault of ours", AssertionError),
    ],
)
def test_whatever_ends_it_early_is_noted(
    end: BaseException, error: str, code: Any, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: Any) -> None:
        raise end

    with monkeypatch.context() as patch:
        patch.setattr(run_job, "execute", ended)
        if isinstance(code, int):
            assert run(config) == code
        else:
            with pytest.raises(code):
                run(config)
    own = found(config)
    stopped = isinstance(end, KeyboardInterrupt)
    assert (own.status, own.error) == ("stopped" if stopped else "failed", error)
    assert own.finished is not None
    assert run(config) == 0
    assert (found(config).status, found(config).error) == ("done", None), "going on starts anew"


@pytest.mark.slow
def test_what_lacks_results_is_named_with_its_reason(
    make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config("task.name=judge")
    judge.bad_scores = {f"test-0-{n}" for n in range(40)}
    assert run(config) == 1
    own = found(config)
    assert own.status == "incomplete"
    assert "no example was scored" in own.failures[own.settings[0].id]


@pytest.mark.slow
def test_a_command_that_decodes_nothing_keeps_what_is_said_of_the_one_that_did(
    make_config: Make, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(config, "first")
    first = found(config)
    elsewhere = replace(first.environment, python="9.9")
    monkeypatch.setattr("pipeline.runs.opening.this_environment", lambda: elsewhere)
    run(config, "second")
    run(make_config("task.name=judge", "job=report"), "third")
    assert found(config) == first
    shutil.rmtree(config.store)
    run(config, "fourth")
    again = found(config)
    assert again.environment == elsewhere and again.command == "python launch.py fourth"
    assert again.started > first.started


@pytest.mark.slow
def test_a_report_leaves_the_run_of_a_command_that_still_runs_alone(
    make_config: Make, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or of one that was killed; and it makes a run.json where there is none, so that its folder can be opened."""
    run(config)
    folder, first = folder_of(config, planned(config)), found(config)
    running = replace(first, status="running", finished=None, seconds=None)
    write_run(folder, running)
    run(make_config("task.name=judge", "job=report"), "job=report")
    assert found(config) == running
    (folder / RUN_FILE).unlink()
    run(make_config("task.name=judge", "job=report"), "job=report")
    own = found(config)
    assert (own.status, own.command, own.settings) == ("done", "python launch.py job=report", first.settings)


@pytest.mark.slow
def test_it_grows_with_its_plan(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    run(config)
    first = found(config)

    def ask(space: Any, outcomes: Any) -> list[Candidate]:
        return [Candidate("more", {"axon.anchors": len(outcomes) + 1})]

    monkeypatch.setitem(SEARCHES, "grid", ask)
    plan = planned(config)
    folder = RunFolder(folder_of(config, plan), first)
    plan.extend([None])  # type: ignore[list-item]
    folder.grow(plan)
    own = read_run(folder.path)
    assert own.by_id == plan.settings and len(own.settings) == len(own.examples) == own.asked == 2


@pytest.mark.slow
def test_a_run_that_is_written_is_read_back_equal(config: Config, tmp_path: Path) -> None:
    run(config)
    own = found(config)
    for changed in (own, replace(own, status="stopped", error="x", failures={"a": "b"}, finished=None)):
        write_run(tmp_path, changed)
        assert read_run(tmp_path) == changed


def test_a_run_of_an_older_version_is_read_and_written_again(tmp_path: Path) -> None:
    """Two settings of one that this project wrote before settings were columns."""
    shutil.copy(ROOT / "tests/pipeline/run_of_format_1.json", tmp_path / RUN_FILE)
    own = open_run(tmp_path)
    base, axon = own.run.settings
    assert own.run.examples == {base.id: 2, axon.id: 2} and own.run.failures == {base.id: "made up"}
    assert not base.uses_axon and axon.knobs == {"decoder.threshold": 0.99, "axon.anchors": 1}
    assert list(own.settings["setting_id"]) == [base.id, axon.id]
    write_run(tmp_path, own.run)
    assert read_run(tmp_path) == own.run
    assert json.loads((tmp_path / RUN_FILE).read_bytes())["format"] == FORMAT


@pytest.mark.slow
def test_many_settings_take_little_more_room_than_what_differs(config: Config, tmp_path: Path) -> None:
    run(config)
    own = found(config)
    [setting] = own.settings
    many = []
    for place in range(500):
        identity = {**setting.identity, "seed": place}
        many.append(replace(setting, id=setting_id(identity), identity=identity, knobs={"seed": place}))
    whole = replace(own, settings=tuple(many), examples=dict.fromkeys([one.id for one in many], 7))
    write_run(tmp_path, whole)
    assert read_run(tmp_path) == whole
    assert (tmp_path / RUN_FILE).stat().st_size < 500 * 60 + 10_000


@pytest.mark.slow
def test_a_password_is_of_one_text(config: Config, tmp_path: Path) -> None:
    """Values of a column stand side by side, so that an address may be followed by a colon and an @ of another."""
    run(config)
    own = found(config)
    texts = ["s3://bucket", "a:b@c", "ftp://user:secret@host"]
    [setting] = own.settings
    some: list[Setting] = []
    for text in texts:
        identity = {**setting.identity, "note": len(some)}
        some.append(replace(setting, id=setting_id(identity), identity=identity, knobs={"note": text}))
    write_run(tmp_path, replace(own, settings=tuple(some), examples={}))
    kept = [one.knobs["note"] for one in read_run(tmp_path).settings]
    assert kept == ["s3://bucket", "a:b@c", "ftp://***@host"]


@pytest.mark.slow
def test_it_says_nothing_of_who_ran_it(
    make_config: Make, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "people" / "somebody"
    monkeypatch.setenv("HOME", str(home))
    config = make_config("task.name=judge", f"out={home}/out", f"store={home}/elsewhere/store")
    secret = "ftp://user:secret@host/data"
    run(config, f"out={home}/out", f"note={secret}", f"beside={home}body/x")
    text = (folder_of(config, planned(config)) / RUN_FILE).read_text()
    assert str(home) + "/" not in text and f"{home}body/x" in text
    assert "secret@" not in text and "ftp://***@host/data" in text
    page = (folder_of(config, planned(config)) / "report.html").read_text()
    assert str(home) + "/" not in page and "secret@" not in page and "ftp://***@host/data" in page
    assert socket.gethostname() not in text
    assert f'"{getpass.getuser()}"' not in text
    assert len(open_run(home / "out/single" / folder_of(config, planned(config)).name).records) == 10


def test_of_a_user_without_a_home_folder_one_setting_runs_and_a_sweep_asks_for_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a container that runs as a user of whom it knows the number only."""
    check_home()
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    assert private("out=/somewhere") == "out=/somewhere"
    with pytest.raises(ConfigError, match=r"^HOME: is not set, .*; set it, as in HOME=/tmp python launch.py"):
        check_home()


@pytest.mark.slow
def test_a_store_below_out_is_found_where_out_was_copied_to(config: Config, tmp_path: Path) -> None:
    run(config)
    folder = folder_of(config, planned(config))
    before = open_run(folder).records
    shutil.move(config.out, tmp_path / "moved")
    moved = open_run(tmp_path / "moved" / folder.relative_to(config.out))
    pd.testing.assert_frame_equal(moved.records, before)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("/data/out/store", "../../store"),
        ("/data/store", "/data/store"),
        ("s3://bucket/store", "s3://bucket/store"),
    ],
)
def test_a_store_is_named_so_that_it_is_found_again(root: str, expected: str, config: Config) -> None:
    folder = Path("/data/out/sweep/folder")
    named = store_from(folder, root, "/data/out")
    assert named == expected
    run(config)
    assert store_of(replace(found(config), store=named), folder) == root


def test_of_a_stopped_setting_only_the_examples_asked_for_are_the_runs_own() -> None:
    run = replace(make_run([make_setting("a", 0.3, None)]), examples={"a": 2})
    records = pd.DataFrame({"setting_id": ["a"] * 4 + ["another"], "position": [0, 1, 2, 3, 0]})
    assert run.own(records)["position"].tolist() == [0, 1]
