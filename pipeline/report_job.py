"""A job's report: the page, the picture and the table in its folder, what the terminal shows, and W&B."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from pipeline.job import Job, lacking, say
from pipeline.report.phrases import counted
from pipeline.run import FORMAT, Run
from pipeline.store import NO_ROOM, Contents


def report_job(job: Job, contents: Contents, failures: Mapping[str, str], console: Console) -> None:
    """Writes, prints and logs it. Raises OSError where its files can't be written."""
    from pipeline.report import (
        write_report,  # scipy, plotly and matplotlib take seconds: only when there are results
    )

    report = write_report(job.folder, [_run(job)], contents.records, _notes(job, contents, failures))
    console.print(report.terminal())
    if job.config.job == "report" and (unfinished := _unfinished(job, contents)):
        say(console, f"{unfinished}: this is a report of a part; the same command without job=report goes on")
    if job.config.wandb.mode != "off":
        _track(job, report, console)
    say(console, f"picture {report.picture}")
    say(console, f"page    {report.page}")


def _run(job: Job) -> Run:
    return Run(
        format=FORMAT,
        name=job.config.sweep.name,
        title=job.title,
        command=job.command,
        config={},
        space=(),
        settings=tuple(job.plan.settings.values()),
        asked=len(job.plan.asked),
        limit=job.config.limit,
        store=job.config.store,
    )


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


def _track(job: Job, report: Any, console: Console) -> None:
    from pipeline.report.tracker import Destination, track

    wandb = job.config.wandb
    group = f"{job.config.sweep.name}/{job.folder.name}"
    destination = Destination(wandb.mode, wandb.project, group, job.folder)
    try:
        with console.status("logging to W&B"):
            runs = track(destination, report)
        say(console, f"W&B     {job.folder / 'wandb'} ({wandb.mode}, {runs} new runs)")
    except Exception as error:  # W&B has many ways to be out of reach; the results don't depend on it
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise
        say(
            console,
            f"wandb.mode={wandb.mode}: could not log ({error}); run again, or with wandb=offline or wandb=off",
        )
