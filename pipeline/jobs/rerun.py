"""job=rerun: decode a run's settings again, and say whether every record is equal.

The records go to a store of their own below the run's folder. It is kept when the job is stopped, so that the same
command goes on, and removed once everything has been compared.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
from rich.console import Console

from pipeline.counted import counted
from pipeline.environment import differences, this_environment
from pipeline.errors import ConfigError, reason
from pipeline.inputs.checks import check_settings
from pipeline.inputs.config import BudgetSettings, Config, read_config
from pipeline.inputs.dotted import flatten
from pipeline.jobs.console import say
from pipeline.jobs.display import Display
from pipeline.jobs.rerun_result import RerunResult, say_result, write_result
from pipeline.planning.pending import pending_slices, sizes
from pipeline.planning.plan import Plan, make_setting
from pipeline.planning.regions import Walk
from pipeline.planning.setting import Setting, Stop
from pipeline.runs.ending import say_failures, stopped
from pipeline.runs.later import LaterVersion
from pipeline.runs.opened import OpenedRun
from pipeline.runs.opening import sandbox_level
from pipeline.runs.run import Run, run_before
from pipeline.runs.run_folder import RunFolder, asked_for
from pipeline.search import Candidate, Outcome
from pipeline.stop import DONE, FAILED, Lost
from pipeline.storage.record_differences import compare_records
from pipeline.storage.store import Store, StoreFull
from pipeline.storage.totals import stored_totals
from pipeline.workers.capacity import check_room, this_machine, widened
from pipeline.workers.execute import execute

FOLDER = "rerun"


class GivenPlan(Plan):
    """Settings that are known from the start: nothing is searched, nothing composed."""

    def __init__(self, settings: Iterable[Setting], stopped: Mapping[str, Stop]) -> None:
        self.space = ()
        self.stopped = dict(stopped)
        self.settings = {setting.id: setting for setting in settings}
        self.neighbours = lambda setting_id: ()  # nothing is taken for decoded
        self.asked = [(Candidate(own.group, own.knobs), own.id) for own in self.settings.values()]

    def extend(self, outcomes: Sequence[Outcome], walk: Walk = iter) -> list[Setting]:
        return []


def rerun(
    opened: OpenedRun,
    limit: int | None,
    batch_size: int | None,
    workers: int | None,
    command: str,
    console: Console,
) -> int:
    """0 if every record is equal, 1 if not. Raises ConfigError for what can't be decoded here."""
    then = _recorded(opened, limit, console)
    config = _config(opened, limit, batch_size, workers)
    recorded = set(then["setting_id"])
    given = (setting for setting in opened.run.settings if setting.id in recorded)
    plan = GivenPlan(given, opened.run.stopped)
    with console.status("reading the task and the model's description"):
        check_room(widened(config.cluster, [config.model]), [this_machine()])
        check_settings(plan.settings, config.limit, here=True)
        changes = _identity_changes(config, plan.settings.values())
    folder = _begin(opened, config, plan, console)
    store = Store(str(folder.path / "store"))
    try:
        with folder.ended_early():
            failures = _decode(config, plan, store, folder.run, console)
            now = folder.run.own(store.load(plan.settings, config.limit).records)
            folder.end("incomplete" if failures else "done", failures)
    except (KeyboardInterrupt, Lost, StoreFull) as end:
        return stopped(end, folder.run, store, command, console)
    found = compare_records(then, now)
    changed = [*changes, *differences(opened.run.environment, folder.run.environment)]
    result = RerunResult.of(folder.run, found, changed)
    say_result(folder.run, result, console)
    say_failures(folder.run, failures, console)
    if not failures:
        shutil.rmtree(folder.path, ignore_errors=True)
    try:
        say(console, str(write_result(opened.path, result)))
    except OSError as error:
        line = (
            f"run={opened.path}: the result can't be written ({reason(error)}); make room, and run it again"
        )
        raise ConfigError([line]) from None
    return DONE if result.all_equal else FAILED


def _recorded(opened: OpenedRun, limit: int | None, console: Console) -> pd.DataFrame:
    """The run's records of the first `limit` examples. Raises ConfigError if there are none."""
    with warnings.catch_warnings(record=True) as told:  # of files that can't be read
        warnings.simplefilter("always")
        records = opened.records
    for one in told:
        say(console, str(one.message))
    if limit is not None:
        records = records[records["position"] < limit]
    if records.empty:
        rule = f"its store {opened.store.root} has no records of it"
        raise ConfigError([f"run={opened.path}: {rule}; run it first: {opened.run.command}"])
    return records


def _config(opened: OpenedRun, limit: int | None, batch_size: int | None, workers: int | None) -> Config:
    """The run's own config, on this machine."""
    try:
        config = read_config(opened.run.config)
    except ConfigError as error:
        line = (
            f"run={opened.path}: its config is not of this version ({error.lines[0]}); run its command again"
        )
        raise ConfigError([line]) from None
    return replace(
        config,
        job="run",
        limit=min(limit or opened.run.limit, opened.run.limit),
        batch_size=batch_size or config.batch_size,
        cluster=replace(config.cluster, address=None, workers=workers),
        sweep=replace(config.sweep, search="grid", stop=None),  # nothing more is asked for, or stopped
        budget=BudgetSettings(),
    )


def _identity_changes(config: Config, settings: Iterable[Setting]) -> list[str]:
    """What has changed under the same settings: the model's or the rows' content, the version of a part of the code."""
    found: dict[str, None] = {}
    for setting in settings:
        own = replace(
            config, model=setting.model, task=setting.task, decode=setting.decode, seed=setting.seed
        )
        then, now = flatten(setting.identity), flatten(make_setting(own).identity)
        for key in {**then, **now}:
            if then.get(key) != now.get(key):
                found[f"{key}: {then.get(key)} then, {now.get(key)} now"] = None
    return list(found)


def _begin(opened: OpenedRun, config: Config, plan: Plan, console: Console) -> RunFolder:
    """The rerun's own folder, with what an earlier one of the same kind has left. Raises ConfigError."""
    path, environment = opened.path / FOLDER, this_environment()
    try:
        before = run_before(path)
        elsewhere = before is not None and before.environment != environment
    except LaterVersion:
        elsewhere = True
    if elsewhere:
        say(console, "an earlier rerun was stopped in another environment; this one starts afresh")
        shutil.rmtree(path, ignore_errors=True)
    run = replace(
        opened.run,
        status="running",
        error=None,
        failures={},
        limit=config.limit,
        store="store",
        environment=environment,
        started=datetime.now(UTC),
        finished=None,
        seconds=None,
        **asked_for(plan, config.limit),
    )
    try:
        return RunFolder(path, run)
    except OSError as error:
        line = f"run={opened.path}: can't be written ({reason(error)}); copy the run to a folder that can be"
        raise ConfigError([line]) from None


def _decode(config: Config, plan: Plan, store: Store, run: Run, console: Console) -> dict[str, str]:
    contents = store.outcomes(plan.settings, config.limit)
    pending = pending_slices(sizes(plan, config.limit), contents.covered, config.slice_size)
    level = sandbox_level(config, plan, pending)
    total, kept = sum(run.examples.values()), len(contents.records)
    stored = f", {kept:,} of them decoded before" if kept else ""
    say(console, f"decoding again: {run.title}: {counted(total, 'example')}{stored}")
    if level:
        say(console, f"answers are programs; they run in a sandbox of level {level!r}")
    if not pending:
        return {}
    with Display(console, run.title, plan.settings, config.limit, stored_totals(contents.records)) as display:
        return execute(config, plan, store, pending, display).failures
