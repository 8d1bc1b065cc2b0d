"""A job's report: the page, the picture and the table in its folder, what the terminal shows, and W&B."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from pipeline.job import Job, lacking, model_name, say
from pipeline.report.phrases import counted
from pipeline.setting import Setting
from pipeline.store import NO_ROOM, Contents
from pipeline.tasks import get_task


def report_job(job: Job, contents: Contents, failures: Mapping[str, str], console: Console) -> None:
    """Writes, prints and logs it. Raises OSError where its files can't be written."""
    from pipeline.report import (
        write_report,  # scipy, plotly and matplotlib take seconds: only when there are results
    )

    settings = {sid: _described(job, setting) for sid, setting in job.plan.settings.items()}
    labels = job.plan.settings
    report = write_report(
        job.folder,
        settings,
        contents.records,
        labels,
        job.title,
        _notes(job, contents, failures),
        trade_off=job.config.trade_off.parameter,
    )
    console.print(report.terminal())
    if job.config.job == "report" and (unfinished := _unfinished(job, contents)):
        say(console, f"{unfinished}: this is a report of a part; the same command without job=report goes on")
    if job.config.wandb.mode != "off":
        _track(job, settings, report, console)
    say(console, f"picture {report.picture}")
    say(console, f"page    {report.page}")


def _described(job: Job, setting: Setting) -> dict[str, Any]:
    """A setting's identity, and what a reader wants beside it."""
    identity = setting.identity
    model = {**identity["model"], "name": model_name(job.config)}
    return {
        **identity,
        "model": model,
        "task": {**identity["task"], "metric": get_task(setting.task.name).metric},
    }


def _notes(job: Job, contents: Contents, failures: Mapping[str, str]) -> list[str]:
    """What a reader of the report must know beside the figures."""
    notes = [f"Made by: {job.command}"]
    if levels := sorted(set(contents.records["sandbox"].dropna())):
        notes.append(f"Answers are programs; they ran in a sandbox of level {', '.join(levels)}.")
    errors = contents.records["error"].dropna()
    if len(errors):
        notes.append(f"{len(errors)} examples unscored; the first: {errors.iloc[0]}")
    for sid, error in failures.items():
        notes.append(f"Failed: {job.plan.settings[sid]}: {error}")
    if unfinished := _unfinished(job, contents):
        notes.append(unfinished)
    return [*notes, *contents.damaged]


def _unfinished(job: Job, contents: Contents) -> str:
    """How many settings are not whole; nothing where all are."""
    count, limit = len(lacking(job, contents)), job.config.limit
    return f"{counted(count, 'setting')} lacking some of {limit} examples" if count else ""


def _track(job: Job, settings: dict[str, Any], report: Any, console: Console) -> None:
    from pipeline.report.tracker import RunLog, track

    wandb = job.config.wandb
    group = f"{job.config.sweep.name}/{job.folder.name}"
    book = RunLog(wandb.mode, wandb.project, group, job.folder, settings)
    try:
        with console.status("logging to W&B"):
            runs = track(book, report)
        say(console, f"W&B     {job.folder / 'wandb'} ({wandb.mode}, {runs} new runs)")
    except Exception as error:  # W&B has many ways to be out of reach; the results don't depend on it
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise
        say(
            console,
            f"wandb.mode={wandb.mode}: could not log ({error}); run again, or with wandb=offline or wandb=off",
        )
