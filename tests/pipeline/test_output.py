"""What a command prints, where its output is full, closed or of few letters, or its terminal narrow."""

from __future__ import annotations

import errno
import io
import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

import launch
from pipeline.jobs.console import draw, terminal
from pipeline.jobs.display import Display
from pipeline.output import OutputError, output_told
from tests.pipeline.conftest import ROOT

HELP = ["--help"]
PLAN = ["job=plan", "limit=1", "wandb=off"]  # printed by rich, which has its own way with closed pipes


def run(words: list[str], shell: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command behind a redirection, as its user types it."""
    line = [f'{sys.executable} "$@" {shell}', "launch", str(ROOT / "launch.py"), *words]
    return subprocess.run(["bash", "-c", *line], capture_output=True, text=True, env=environment or None)


@pytest.mark.slow
@pytest.mark.parametrize("words", [HELP, PLAN], ids=["help", "plan"])
def test_a_full_disk_is_told_in_a_line(words: list[str], tmp_path: Path) -> None:
    words = words if words is HELP else [*words, f"out={tmp_path}"]
    done = run(words, "> /dev/full")
    assert done.returncode == 1
    assert done.stderr == (
        "the output can't be written (No space left on device); make room or send it elsewhere; "
        "the same command goes on from what is kept\n"
    )


@pytest.mark.slow
def test_a_reader_that_has_gone_is_no_fault(tmp_path: Path) -> None:
    done = run([*PLAN, f"out={tmp_path}"], '| true; echo "${PIPESTATUS[0]}"')
    assert (done.stdout, done.stderr) == ("130\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("words", [HELP, PLAN], ids=["help", "plan"])
def test_a_closed_output_is_no_fault(words: list[str], tmp_path: Path) -> None:
    words = words if words is HELP else [*words, f"out={tmp_path}"]
    done = run(words, ">&-")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_letters_that_the_output_lacks_are_told_apart(tmp_path: Path) -> None:
    done = run([*PLAN, f"out={tmp_path}"], "", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(r"single \xb7 arith \xb7 confidence")


class Full(io.StringIO):
    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_what_only_the_end_shows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file on a network share may take every write and refuse to be written out."""
    monkeypatch.setattr(sys, "stdout", full := Full())
    with pytest.raises(OutputError, match="No space left on device"), output_told():
        print("kept in a buffer")
    assert sys.stdout is full


class Gone(io.StringIO):
    """A terminal that was closed: others' faults are not its."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        raise OSError(self.number, os.strerror(self.number))


def test_who_outlives_its_terminal_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under `nohup` or `disown`; whom SIGHUP is to end it ends."""
    monkeypatch.setattr(sys, "stdout", Gone(errno.EIO))
    with output_told():
        print("to nobody", flush=True)
    monkeypatch.setattr(sys, "stdout", Gone(errno.ENOSPC))
    with pytest.raises(OutputError), output_told():
        print("to nobody", flush=True)


@pytest.mark.slow
def test_a_terminal_that_ends_stops_the_run(tmp_path: Path) -> None:
    """Before: it failed, as its output could not be written."""
    words = ["limit=200", "slice_size=2", "batch_size=2", "wandb=off", f"out={tmp_path}"]
    script = (
        "import fcntl, runpy, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        f"sys.path.insert(0, {str(ROOT)!r}); runpy.run_path({str(ROOT / 'launch.py')!r}, run_name='__main__')"
    )
    ours, its = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-c", script, *words],
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(its)
    while not list(tmp_path.rglob("*.parquet")):
        if select.select([ours], [], [], 0.1)[0]:
            os.read(ours, 65536)
    os.close(ours)
    assert running.wait(120) == 129
    run = json.loads(next(tmp_path.rglob("run.json")).read_text())
    assert (run["status"], run["error"]) == ("stopped", "SIGHUP")


@pytest.mark.slow
def test_an_output_that_fails_while_decoding_is_no_fault_of_the_setting(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["limit=4", "slice_size=2", "wandb=off", f"model.path={checkpoint}", f"out={tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["launch.py", *words])

    def full(self: Display) -> None:
        raise OutputError(OSError(28, "No space left on device"))

    monkeypatch.setattr(Display, "example", full)
    assert launch.main() == 1
    assert "the output can't be written (No space left on device); make room" in capsys.readouterr().err
    run = json.loads(next(tmp_path.rglob("run.json")).read_text())
    assert (run["status"], run["failures"]) == ("failed", {})
    monkeypatch.undo()
    monkeypatch.setattr(sys, "argv", ["launch.py", *words])
    assert launch.main() == 0  # nothing was stored as unscored
    assert "stored already" not in capsys.readouterr().out


def test_no_columns_are_taken_for_the_usual_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    assert terminal().width == 80
    monkeypatch.setenv("COLUMNS", "41")
    assert terminal().width == 41


def test_a_table_keeps_its_digits_on_a_narrow_terminal() -> None:
    table = Table(box=None)
    for heading in ("threshold", "quality", "NFE"):
        table.add_column(heading)
    table.add_row("0.5", "0.833 [0.44, 0.97]", "12.75")
    console = Console(file=(shown := io.StringIO()), width=20)
    draw(console, Group(table, Text("words of a sentence, broken")))
    assert "0.5 0.833 [0.44, 0.97] 12.75" in " ".join(shown.getvalue().split())
    assert "words of a sentence,\n" in shown.getvalue()
    assert console.width == 20
