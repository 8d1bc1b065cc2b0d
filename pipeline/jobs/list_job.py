"""job=list: the runs in a folder, oldest first, each with its command: the folders are named by a hash."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from pipeline.counted import counted
from pipeline.inputs.word_path import read_path
from pipeline.jobs.console import say
from pipeline.runs.at_work import left_alone
from pipeline.runs.opened import OpenedRun
from pipeline.runs.selection import runs_under
from pipeline.stop import DONE

OUT = "outputs"  # where runs are, unless `under` says otherwise: conf/config.yaml's `out`


def list_runs(words: Mapping[str, str], console: Console) -> int:
    """Prints them. Raises ConfigError, one line, where there is none."""
    found, unread = runs_under(read_path("under", words.get("under") or OUT))
    for one in sorted(found, key=lambda own: own.run.started):
        say(console, _line(one))
        say(console, f"    {one.run.command}")
    for line in unread:
        say(console, f"left out: {line}")
    return DONE


def _line(one: OpenedRun) -> str:
    run = one.run
    when = (run.finished or run.started).astimezone().strftime("%Y-%m-%d %H:%M")
    status = (
        "running elsewhere, or killed" if run.status == "running" and left_alone(one.path) else run.status
    )
    most = counted(max(run.examples.values(), default=0), "example")
    failed = f", {len(run.failures):,} failed" if run.failures else ""
    return f"{_here(one.path)}  {when}  {status}  {counted(len(run.settings), 'setting')} x {most}{failed}"


def _here(path: Path) -> str:
    """From the working directory, where the run is below it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
