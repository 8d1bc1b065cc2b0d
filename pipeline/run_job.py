"""From a validated config to an exit code: plan, run what the store lacks, report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from pipeline.capacity import check_room, this_machine
from pipeline.checks import check_address, check_login, check_settings
from pipeline.config import Compose, Config, to_tree
from pipeline.display import Display
from pipeline.errors import ConfigError, reason
from pipeline.execute import execute, replay
from pipeline.job import Job, folder_name, lacking, limit_of, say
from pipeline.pending import incomplete
from pipeline.places import check_places
from pipeline.plan import Plan
from pipeline.report_job import report_job
from pipeline.stop import DONE, FAILED, Lost, exit_code
from pipeline.store import Contents, Span, Store, StoreFull
from pipeline.tasks import CodeTask, open_task
from pipeline.totals import stored_totals


def run_job(config: Config, compose: Compose, arguments: Sequence[str], console: Console) -> int:
    """Runs the job and returns the exit code. Raises ConfigError for what can't be run, before Ray starts."""
    job = _opened(config, compose, arguments, console)
    contents = replay(job.config, job.plan, job.store)
    pending = lacking(job, contents)
    _check(job, contents, pending)
    _announce(job, contents, pending, console)
    failures: dict[str, str] = {}
    if pending and job.config.job == "run":
        try:
            failures = _run(job, contents, pending, console)
        except KeyboardInterrupt as stop:
            _stopped(job, "Stopped", console)
            return exit_code(stop)
        except (Lost, StoreFull) as end:
            _stopped(job, str(end), console)
            return FAILED
        contents = job.store.load(job.plan.settings, job.config.limit)
        failures = incomplete(
            job.plan, contents, job.store, job.config.limit, job.config.slice_size, failures
        )
    if contents.records.empty:
        _report_failures(job, failures, console)
        return FAILED
    failures |= _nothing_scored(job, contents, failures)
    try:
        report_job(job, contents, failures, console)
    except OSError as error:
        _report_failures(job, failures, console)
        return _unreported(job, error, console)
    _report_failures(job, failures, console)
    say(console, str(job.folder))
    return FAILED if failures else DONE


def _opened(config: Config, compose: Compose, arguments: Sequence[str], console: Console) -> Job:
    """The job with its plan, once its config fits this machine, the model and the task. Raises ConfigError."""
    check_places(config)
    if config.job == "run" and config.cluster.address is None:
        check_room(config.cluster, [this_machine()])
    if config.wandb.mode == "online":
        check_login()
    with console.status("reading the task and the model's description"):  # from the hub it may take a while
        plan = Plan(config, compose)
        plan.extend(())
        config = replace(config, limit=limit_of(config, plan))
        if config.job != "report":
            here = config.cluster.address is None or len(plan.settings) == 1
            check_settings(plan.settings, config.limit, here)
    folder = Path(config.out) / config.sweep.name / folder_name(config, plan.space)
    return Job(config, plan, Store(config.store), folder, shlex.join(["python", "launch.py", *arguments]))


def _check(job: Job, contents: Contents, pending: dict[str, list[Span]]) -> None:
    """Raises ConfigError for a report of nothing, and for a cluster that is needed and does not answer."""
    if job.config.job == "report" and contents.records.empty:
        line = "job=report: nothing is stored for these settings; run them first, without job=report"
        raise ConfigError([line])
    address = job.config.cluster.address
    if pending and job.config.job == "run" and address is not None and len(job.plan.settings) > 1:
        check_address(address)


def _announce(job: Job, contents: Contents, pending: dict[str, list[Span]], console: Console) -> None:
    config, settings = job.config, len(job.plan.settings)
    total = settings * config.limit
    todo = sum(stop - start for slices in pending.values() for start, stop in slices)
    equal = len(job.plan.asked) - settings
    asked = f" ({len(job.plan.asked)} asked for, {equal} of them equal to another, run once)" if equal else ""
    stored = f", {total - todo:,} of {total:,} stored already" if todo < total else ""
    say(
        console,
        f"{job.title}: {settings} setting{'s' * (settings > 1)}{asked} x {config.limit} examples{stored}",
    )
    if pending and config.job == "run" and (level := _isolation(config)):
        say(console, f"answers are programs; they run in a sandbox of level {level!r}")
    for line in contents.damaged:
        say(console, line)
    _prepare(job)


def _prepare(job: Job) -> None:
    """What is written before anything is decoded. Raises ConfigError where there is no room for it."""
    described = {"command": job.command, "config": to_tree(job.config), "settings": _setting_list(job.plan)}
    text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / "config.yaml").write_text(text)
    except OSError as error:
        line = f"out={job.config.out}: can't be written ({reason(error)}); make room, or choose another with out=..."
        raise ConfigError([line]) from None
    if job.config.job != "run":
        return
    try:
        job.store.remove_leftovers(job.plan.settings)
        job.store.write_settings({sid: dict(setting.identity) for sid, setting in job.plan.settings.items()})
    except StoreFull as error:
        raise ConfigError([f"{error}, or choose another with store=..."]) from None
    except OSError as error:
        line = f"store={job.config.store}: can't be written ({reason(error)}); choose another with store=..."
        raise ConfigError([line]) from None


def _isolation(config: Config) -> str | None:
    """The level at which programs run on this machine, None for a task without; ConfigError where it is too low."""
    task = open_task(config.task, config.sandbox.require)
    return task.sandbox.level if isinstance(task, CodeTask) else None


def _setting_list(plan: Plan) -> dict[str, Any]:
    return {sid: {"group": setting.group, **setting.knobs} for sid, setting in plan.settings.items()}


def _run(job: Job, contents: Contents, pending: dict[str, list[Span]], console: Console) -> dict[str, str]:
    stored = stored_totals(contents.records)
    with Display(console, job.title, job.plan.settings, job.config.limit, stored) as display:
        return execute(job.config, job.plan, job.store, pending, display)


def _nothing_scored(job: Job, contents: Contents, failures: dict[str, str]) -> dict[str, str]:
    """Settings of whose examples none has a score, with the first error: they have no point to show."""
    found = {}
    for sid, rows in contents.records.groupby("setting_id", sort=False):
        if rows["score"].isna().all() and sid not in failures:
            found[str(sid)] = f"no example was scored; the first error: {rows['error'].iloc[0]}"
    return found


def _report_failures(job: Job, failures: dict[str, str], console: Console) -> None:
    if failures:
        say(console, f"{len(failures)} of {len(job.plan.settings)} settings failed; the rest is kept:")
        for sid, error in failures.items():
            say(console, f"  {job.plan.settings[sid]} ({sid}): {error}")


def _stopped(job: Job, why: str, console: Console) -> None:
    contents = job.store.load(job.plan.settings, job.config.limit)
    total = len(job.plan.settings) * job.config.limit
    say(console, f"{why}. {len(contents.records):,} of {total:,} examples are kept. To go on: {job.command}")


def _unreported(job: Job, error: OSError, console: Console) -> int:
    say(
        console,
        f"out={job.config.out}: the report is not whole ({reason(error)}); the results are kept in {job.store.root}. "
        f"Make room, or choose another with out=..., then: {job.command}",
    )
    return FAILED
