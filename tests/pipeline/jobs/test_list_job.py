"""job=list: every run below a folder with the command that made it, oldest first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from pipeline import open_run
from pipeline.inputs.config import Config
from pipeline.runs.at_work import left_alone
from pipeline.runs.run import RUN_FILE, write_run
from tests.pipeline.conftest import ROOT, Judge
from tests.pipeline.jobs.a_run import main, refused
from tests.pipeline.jobs.test_compare import ran

__all__ = ["refused"]  # a fixture
Make = Callable[..., Config]


@pytest.mark.slow
def test_runs_are_listed_with_their_commands(
    make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [ran(make_config("task.name=judge", f"seed={seed}")) for seed in (2, 1)]
    other = folders[0].parent / "broken"
    other.mkdir()
    (other / RUN_FILE).write_text("{")
    failing = open_run(folders[1]).run
    write_run(folders[1], replace(failing, status="incomplete", failures={failing.settings[0].id: "no room"}))
    monkeypatch.chdir(Path(make_config().out).parent)
    code, shown = main("job=list", f"under={make_config().out}")
    first, command, second, _, left_out = shown.splitlines()
    assert code == 0 and command == "    python launch.py 'a command'"
    for line, folder in zip((first, second), folders, strict=True):
        assert line.startswith(str(folder.relative_to(Path.cwd())))
    assert first.endswith("done  1 setting x 10 examples") and second.endswith(
        "incomplete  1 setting x 10 examples, 1 failed"
    )
    assert left_out.startswith(f"left out: run={other}: ")


@pytest.mark.slow
def test_a_run_that_was_killed_is_told_from_one_in_progress(
    make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ran(make_config("task.name=judge"))
    run = replace(open_run(folder).run, status="running")
    work = f"""
import sys
from pathlib import Path
from pipeline import open_run
from pipeline.runs.run_folder import RunFolder
folder = RunFolder(Path({str(folder)!r}), open_run({str(folder)!r}).run)
print("at work", flush=True)
sys.stdin.read()
"""
    write_run(folder, run)

    def status() -> str:
        return main("job=list", f"under={folder}")[1].splitlines()[0].split("  ")[2]

    assert status() == "running elsewhere, or killed"
    with subprocess.Popen(
        [sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as working:
        assert working.stdout is not None and working.stdout.readline() == b"at work\n"
        assert status() == "running"
        with monkeypatch.context() as patch:  # where a file system has no locks, it isn't told
            patch.setattr("fcntl.flock", Mock(side_effect=OSError(95, "Operation not supported")))
            assert status() == "running"
        working.kill()
    assert status() == "running elsewhere, or killed"


@pytest.mark.slow
def test_a_run_that_has_ended_is_let_go(make_config: Make, judge: Judge) -> None:
    """A notebook may run many, and list them."""
    folder = ran(make_config("task.name=judge"))
    assert left_alone(folder)


@pytest.mark.slow
def test_a_run_without_a_setting_and_one_of_one_example_are_listed(make_config: Make, judge: Judge) -> None:
    folder = ran(make_config("task.name=judge", "limit=1"))
    run = open_run(folder).run
    assert main("job=list", f"under={folder}")[1].splitlines()[0].endswith("done  1 setting x 1 example")
    write_run(folder, replace(run, status="incomplete", settings=(), examples={}))
    assert (
        main("job=list", f"under={folder}")[1].splitlines()[0].endswith("incomplete  0 settings x 0 examples")
    )


def test_a_folder_without_runs_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    monkeypatch.chdir(tmp_path)
    remedy = "give what was out=FOLDER for the runs, as under=FOLDER"
    assert refused("job=list") == f"under=outputs: there is no such folder; {remedy}"
    (tmp_path / "outputs").mkdir()
    assert refused("job=list") == f"under=outputs: holds no run; {remedy}"
    line = refused("job=list", "out=here")
    assert line == "out=here: job=list takes under; leave it out, or write under=here if runs are there"
