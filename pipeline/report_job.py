"""A report for the user: page, picture and table in a folder, a table and a verdict on the terminal, and W&B.

Made of runs and records alone, whether they were just decoded or are read again later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from pipeline.config import WandbSettings
from pipeline.console import say
from pipeline.run import Run
from pipeline.setting import Setting
from pipeline.store import NO_ROOM, Contents
from pipeline.tasks import get_task


def make_report(
    folder: Path,
    runs: Sequence[Run],
    records: pd.DataFrame,
    notes: Sequence[str],
    folders: Sequence[str],
    wandb: WandbSettings,
    group: str,
    console: Console,
) -> None:
    """Writes, prints and logs it, under `group` in W&B. Raises OSError if its files can't be written.

    `records`: with several runs, their column `run` is the index of the run they belong to. `folders`: the names of
    the runs' folders, which tell runs of one name apart.
    """
    # scipy, plotly and matplotlib take seconds to import: only when there are results
    from pipeline.report import write_report

    [run] = runs
    settings = {setting.id: _described(setting) for setting in run.settings}
    report = write_report(
        folder, settings, records, run.by_id, run.title, notes, trade_off=run.settings[0].trade_off
    )
    console.print(report.terminal())
    if wandb.mode != "off":
        _track(wandb, group, folder, settings, report, console)
    say(console, f"picture {report.picture}")
    say(console, f"page    {report.page}")


def find_points(runs: Sequence[Run], records: pd.DataFrame) -> pd.DataFrame:
    """The report's points, one row per setting, without its files."""
    from pipeline.report import find

    [run] = runs
    settings = {setting.id: _described(setting) for setting in run.settings}
    return find(settings, records, run.by_id, run.settings[0].trade_off).points


def notes_of(run: Run, contents: Contents, failures: Mapping[str, str]) -> list[str]:
    """What a reader of the report must know beside the figures."""
    notes = [f"Made by: {run.command}"]
    if levels := sorted(set(contents.records["sandbox"].dropna())):
        notes.append(f"Answers are programs; they ran in a sandbox of level {', '.join(levels)}.")
    errors = contents.records["error"].dropna()
    if len(errors):
        notes.append(f"{len(errors)} examples unscored; the first: {errors.iloc[0]}")
    notes += [f"Failed: {run.by_id[sid]}: {error}" for sid, error in failures.items()]
    if part := part_of(run, contents.records):
        notes.append(part)
    return [*notes, *contents.damaged]


def part_of(run: Run, records: pd.DataFrame) -> str:
    """How many settings lack examples, in words; empty if none does."""
    sizes = records["setting_id"].value_counts()
    count = sum(sizes.get(sid, 0) < examples for sid, examples in run.examples.items())
    settings = "1 setting" if count == 1 else f"{count:,} settings"
    return f"{settings} lacking some of {max(run.examples.values())} examples" if count else ""


def unscored(records: pd.DataFrame, failures: Mapping[str, str]) -> dict[str, str]:
    """Settings none of whose examples has a score, each with its first error: they have no point to show."""
    found = {}
    for sid, rows in records.groupby("setting_id", sort=False):
        if rows["score"].isna().all() and sid not in failures:
            found[str(sid)] = f"no example was scored; the first error: {rows['error'].iloc[0]}"
    return found


def _described(setting: Setting) -> dict[str, Any]:
    """A setting's identity, and what a reader wants beside it."""
    identity = setting.identity
    return {
        **identity,
        "model": {**identity["model"], "name": setting.model_name},
        "task": {**identity["task"], "metric": get_task(setting.task.name).metric},
    }


def _track(
    wandb: WandbSettings, group: str, folder: Path, settings: dict[str, Any], report: Any, console: Console
) -> None:
    from pipeline.report.tracker import RunLog, track

    book = RunLog(wandb.mode, wandb.project, group, folder, settings)
    try:
        with console.status("logging to W&B"):
            runs = track(book, report)
        say(console, f"W&B     {folder / 'wandb'} ({wandb.mode}, {runs} new runs)")
    except Exception as error:  # W&B can be out of reach in many ways; the results don't depend on it
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise
        say(
            console,
            f"wandb.mode={wandb.mode}: could not log ({error}); run again, or with wandb=offline or wandb=off",
        )
