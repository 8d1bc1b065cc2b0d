"""A job from a validated config to its report: plan, run what the store lacks, report, track."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from pipeline.capacity import check_room, this_machine
from pipeline.checks import check_address, check_login, check_settings
from pipeline.complaint import ConfigError, reason
from pipeline.config import Config, to_tree
from pipeline.places import check_places
from pipeline.plan import Plan, Setting, make_plan, setting_id
from pipeline.progress import Progress, stored_tallies, tally
from pipeline.stop import DONE, FAILED, Lost, exit_code
from pipeline.store import NO_ROOM, Contents, Range, Store, StoreFull, missing
from pipeline.tasks import CodeTask, get_task, open_task


@dataclass(frozen=True)
class Job:
    """What one command is about."""

    config: Config
    plan: Plan
    store: Store
    folder: Path
    command: str  # what the user typed, to be typed again

    @property
    def title(self) -> str:
        c = self.config
        return f"{c.sweep.name} · {c.task.name} · {c.decoder.name} · {model_name(c)}"


def run_job(config: Config, arguments: Sequence[str], console: Console) -> int:
    """Runs the job and returns the exit code. Raises ConfigError for what can't be run, before Ray starts."""
    check_places(config)
    if config.job == "run" and config.cluster.address is None:
        check_room(config.cluster, [this_machine()])
    if config.wandb.mode == "online":
        check_login()
    with console.status("reading the task and the model's description"):  # from the hub it may take a while
        plan = make_plan(config)
        config = replace(config, limit=reachable(config, plan))
        if config.job != "report":
            here = config.cluster.address is None or len(plan.settings) == 1
            check_settings(plan.settings, config.limit, here)
    folder = Path(config.out) / config.sweep.name / folder_name(config, plan)
    job = Job(config, plan, Store(config.store), folder, shlex.join(["python", "launch.py", *arguments]))
    contents = job.store.load(plan.settings, config.limit)
    pending = pending_slices(job, contents)
    _announce(job, contents, pending, console)
    failures: dict[str, str] = {}
    if pending and config.job == "run":
        try:
            failures = _run(job, contents, pending, console)
        except KeyboardInterrupt as stop:
            _stopped(job, "Stopped", console)
            return exit_code(stop)
        except (Lost, StoreFull) as end:
            _stopped(job, str(end), console)
            return FAILED
        contents = job.store.load(plan.settings, config.limit)
        failures = incomplete(job, contents, failures)
    if contents.records.empty:
        _complain(job, failures, console)
        raise_nothing = "nothing is stored for these settings; run them first, without job=report"
        if config.job == "report":
            raise ConfigError([f"job=report: {raise_nothing}"])
        return FAILED
    failures |= _nothing_scored(job, contents, failures)
    try:
        _report(job, contents, failures, console)
    except OSError as error:
        _complain(job, failures, console)
        return _unreported(job, error, console)
    _complain(job, failures, console)
    say(console, str(folder))
    return FAILED if failures else DONE


def reachable(config: Config, plan: Plan) -> int:
    """`limit`, or all the examples there are, should they be fewer."""
    sizes = (open_task(setting.task).size for setting in plan.settings.values())
    return min([config.limit, *(size for size in sizes if size is not None)])


def pending_slices(job: Job, contents: Contents) -> dict[str, list[Range]]:
    """The plan minus the store: the slices each unfinished setting lacks."""
    lacking = {
        sid: missing(contents.covered[sid], job.config.limit, job.config.slice_size)
        for sid in job.plan.settings
    }
    return {sid: slices for sid, slices in lacking.items() if slices}


def incomplete(job: Job, contents: Contents, failures: Mapping[str, str]) -> dict[str, str]:
    """After a run: the settings that lack examples all the same, each with how many and why, in a line."""
    found = {}
    for sid, slices in pending_slices(job, contents).items():
        lacking = sum(stop - start for start, stop in slices)
        unread = next((line for line in contents.damaged if f"/{sid}/" in line), None)
        why = failures.get(sid) or unread or f"not in {job.store.root}, though it was written there"
        found[sid] = f"lacks {lacking} of {job.config.limit} examples: {why}"
    return found


def model_name(config: Config) -> str:
    return config.model.path.rstrip("/").rsplit("/", 1)[-1]


def folder_name(config: Config, plan: Plan) -> str:
    """Readable, and the same whenever the same thing is asked for: so running again finds its folder again."""
    words = [config.task.name, config.decoder.name, model_name(config), str(config.limit)]
    plain = [re.sub(r"[^A-Za-z0-9._]+", "_", word) for word in words]
    return "-".join([*plain, setting_id({"settings": sorted(plan.settings), "limit": config.limit})[:6]])


def _announce(job: Job, contents: Contents, pending: dict[str, list[Range]], console: Console) -> None:
    config, settings = job.config, len(job.plan.settings)
    total = settings * config.limit
    todo = sum(stop - start for slices in pending.values() for start, stop in slices)
    equal = f" ({job.plan.asked} asked for, equal ones run once)" if job.plan.asked > settings else ""
    stored = f", {total - todo:,} of {total:,} stored already" if todo < total else ""
    say(
        console,
        f"{job.title}: {settings} setting{'s' * (settings > 1)}{equal} x {config.limit} examples{stored}",
    )
    if pending and (level := _isolation(config)):
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
        job.store.write_settings({sid: setting.identity for sid, setting in job.plan.settings.items()})
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
    return {sid: {"arm": label.arm, **label.knobs} for sid, label in plan.labels.items()}


def _run(job: Job, contents: Contents, pending: dict[str, list[Range]], console: Console) -> dict[str, str]:
    stored = stored_tallies(contents.records)
    if job.config.cluster.address is not None and len(job.plan.settings) > 1:
        check_address(job.config.cluster.address)
    with Progress(console, job.title, job.plan.labels, job.config.limit, stored) as progress:
        if len(job.plan.settings) == 1:
            return _run_here(job, pending, progress)
        from pipeline.sweep import Work, run_sweep  # Ray takes seconds to import: only when it is needed

        threads = max(1, int(job.config.cluster.cpus_per_worker))
        work = Work(
            job.plan.settings,
            pending,
            job.store.root,
            job.config.batch_size,
            threads,
            job.config.sandbox.require,
        )
        return run_sweep(work, job.config.cluster, progress)


def _run_here(job: Job, pending: dict[str, list[Range]], progress: Progress) -> dict[str, str]:
    """One setting needs no workers: it runs in this process."""
    from pipeline.evaluate import Evaluator

    progress.started()
    evaluator = Evaluator(job.config.batch_size, job.config.sandbox.require, progress.example)
    failures = {}
    for sid, slices in pending.items():
        try:
            for start, stop in slices:
                records = evaluator.slice(job.plan.settings[sid], start, stop)
                job.store.write_slice(sid, start, stop, records)
                progress.slice(sid, tally(records))
        except StoreFull:
            raise
        except Exception as error:
            failures[sid] = f"{type(error).__name__}: {error}".splitlines()[0]
            progress.failed(sid)
    return failures


def _nothing_scored(job: Job, contents: Contents, failures: dict[str, str]) -> dict[str, str]:
    """Settings of whose examples none has a score, with the first error: they have no point to show."""
    found = {}
    for sid, rows in contents.records.groupby("setting_id", sort=False):
        if rows["score"].isna().all() and sid not in failures:
            found[str(sid)] = f"no example was scored; the first error: {rows['error'].iloc[0]}"
    return found


def _report(job: Job, contents: Contents, failures: dict[str, str], console: Console) -> None:
    from pipeline.report import write_report

    settings = {sid: _described(job, setting) for sid, setting in job.plan.settings.items()}
    labels = job.plan.labels
    report = write_report(
        job.folder,
        settings,
        contents.records,
        labels,
        job.title,
        _notes(job, contents, failures),
        speed_knob=job.config.speed.knob,
    )
    console.print(report.terminal())
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
        "task": {**identity["task"], "measure": get_task(setting.task.name).measure},
    }


def _notes(job: Job, contents: Contents, failures: dict[str, str]) -> list[str]:
    """What a reader of the report must know beside the figures."""
    notes = [f"Made by: {job.command}"]
    if levels := sorted(set(contents.records["sandbox"].dropna())):
        notes.append(f"Answers are programs; they ran in a sandbox of level {', '.join(levels)}.")
    errors = contents.records["error"].dropna()
    if len(errors):
        notes.append(f"{len(errors)} examples unscored; the first: {errors.iloc[0]}")
    for sid, error in failures.items():
        notes.append(f"Failed: {job.plan.labels[sid]}: {error}")
    unfinished = pending_slices(job, contents)
    if unfinished:
        notes.append(f"{len(unfinished)} settings lack some of their {job.config.limit} examples")
    return [*notes, *contents.damaged]


def _track(job: Job, settings: dict[str, Any], report: Any, console: Console) -> None:
    from pipeline.report.tracker import Logbook, track

    wandb = job.config.wandb
    group = f"{job.config.sweep.name}/{job.folder.name}"
    book = Logbook(wandb.mode, wandb.project, group, job.folder, settings)
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


def _complain(job: Job, failures: dict[str, str], console: Console) -> None:
    if failures:
        say(console, f"{len(failures)} of {len(job.plan.settings)} settings failed; the rest is kept:")
        for sid, error in failures.items():
            say(console, f"  {job.plan.labels[sid]} ({sid}): {error}")


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


def say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
