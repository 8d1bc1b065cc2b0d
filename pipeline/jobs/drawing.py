"""What job=report and job=compare share: checks before a report is drawn, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from pipeline.errors import ConfigError, reason
from pipeline.inputs.config import WandbSettings
from pipeline.inputs.places import check_folder
from pipeline.jobs.console import say
from pipeline.jobs.report_job import part_of
from pipeline.runs.opened import OpenedRun

_WANDB = TypeAdapter(WandbSettings)


def check_records(opened: OpenedRun) -> None:
    """Raises ConfigError, a line and one per file that can't be read, where there is nothing to draw."""
    if opened.contents.records.empty:
        nothing = "nothing of it can be read" if opened.contents.damaged else "nothing of it is stored"
        lines = [*opened.contents.damaged, f"{opened.origin.word}: {nothing}; {opened.origin.remedy}"]
        raise ConfigError(lines)


def wandb_settings(words: Mapping[str, str], opened: OpenedRun) -> WandbSettings:
    """Off unless asked for; the project is the run's."""
    mode = words.get("wandb", "off")
    if mode == "online":
        from pipeline.inputs.checks import check_login

        check_login()
    own = opened.run.config.get("wandb")
    if not isinstance(own, Mapping) or not isinstance(own.get("project"), str):
        what = "run.json is damaged (its config has no wandb.project)"
        raise ConfigError([f"{opened.origin.word}: {what}; run its command again"])
    try:
        return _WANDB.validate_python({"mode": mode, "project": own["project"]})
    except ValidationError:
        raise ConfigError([f"wandb={mode}: unknown; one of off, offline, online"]) from None


def written(write: Callable[[], None], out: Path) -> None:
    """Raises ConfigError, one line, where the report can't be written: before it is made, if that can be told."""
    check_folder("out", str(out))
    try:
        write()
    except OSError as error:
        line = f"out={out}: can't be written ({reason(error)}); choose another with out=..."
        raise ConfigError([line]) from None


def say_part(opened: OpenedRun, which: str, console: Console) -> None:
    """That results are lacking, if any are, and how to go on."""
    if part := part_of(opened.run, opened.contents.records):
        go_on = f"; to go on: {opened.run.command}" if opened.run.command else ""
        say(console, f"{which}{part}: this is a report of a part{go_on}")
