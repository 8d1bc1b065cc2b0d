"""From a validated config to an exit code: plan, decode what the store lacks, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from rich.console import Console

from pipeline.inputs.config import Compose, Config
from pipeline.inputs.places import check_places
from pipeline.inputs.unread import repeated, unread
from pipeline.jobs.console import command_line, say
from pipeline.jobs.display import Display
from pipeline.jobs.outdated import outdated
from pipeline.jobs.score_again import Again
from pipeline.planning.backlog import Backlog, advance
from pipeline.planning.budget import exhausted, spent
from pipeline.planning.grid_cost import grid_cost
from pipeline.planning.pending import incomplete, pending_slices, sizes
from pipeline.planning.plan import Plan
from pipeline.report.data.stored import load_measured
from pipeline.runs.ending import finish, stopped
from pipeline.runs.opening import (
    announce,
    begin_run,
    check_start,
    open_plan,
    prepare_store,
    title_of,
    warnings_of,
)
from pipeline.runs.run_folder import RunFolder, folder_of
from pipeline.search import ASK_ONCE, OPTUNA
from pipeline.stop import Lost
from pipeline.storage.compaction import compact, crowded
from pipeline.storage.store import Contents, Span, Store, StoreFull
from pipeline.storage.totals import stored_totals
from pipeline.workers.capacity import unsplit
from pipeline.workers.execute import execute


def run_job(config: Config, compose: Compose, arguments: Sequence[str], console: Console) -> int:
    """Runs the job and returns the exit code. Raises ConfigError for what can't be run, before Ray starts."""
    check_places(config)
    store = Store(config.store)
    again = Again(config, store, console)
    while (code := _run_on(store, config, compose, arguments, console, again)) is None:
        pass  # the store knows better now which file is damaged, or which answer has a score
    return code


def _run_on(
    store: Store,
    config: Config,
    compose: Compose,
    arguments: Sequence[str],
    console: Console,
    again: Again,
) -> int | None:
    """None: a file that the store's index took for whole proved to be damaged, so that there is more to decode; or an
    answer has got its score, which searches and stopping rules decide by.
    """
    command = command_line(arguments)
    plan = open_plan(config, compose, console)
    path = folder_of(config, plan)  # before the search has asked for more
    contents, pending = advance(plan, store, config.limit, config.slice_size, config.sweep.stop)
    if config.job == "run" and again.scores(plan.settings, contents):
        return None
    check_start(config, plan, store, contents, pending)
    title = title_of(config, plan)
    warnings = warnings_of(config, plan, pending)
    announce(title, config, plan, contents, pending, warnings, console)
    for line in repeated(arguments):
        say(console, line)
    if config.sweep.search != OPTUNA:  # which may ask for other gates and policies later
        for line in unread(arguments, plan.settings.values()):
            say(console, line)
    decodes, left_out = bool(pending) and config.job == "run", None
    if decodes:
        left_out = exhausted(config.budget, spent(contents.records).values())
        for line in unsplit(config.cluster, {plan.settings[sid].model for sid in pending}):
            say(console, line)
    folder = begin_run(path, config, plan, store, title, command, warnings, decodes and not left_out)
    try:
        with folder.ended_early():
            if config.job == "run":
                prepare_store(config, plan, store)
            failures: dict[str, str] = {}
            if decodes and not left_out:
                store.write_index(plan.settings)  # now: who is killed writes none
                backlog = _decode(config, plan, store, folder, contents, pending, console)
                contents, left_out = store.outcomes(plan.settings, config.limit), backlog.left_out
                _grow(folder, plan)
                failures = backlog.failures
                lacking = incomplete(plan, contents, store, config.limit, config.slice_size, failures)
                failures = {sid: line for sid, line in lacking.items() if sid in failures or not left_out}
            if config.job == "run":
                _compact(config, plan, store, contents, console)
            measured = load_measured(store, plan.settings, config.limit)
            if config.job == "run":
                store.write_index(plan.settings)
                if not decodes and set(measured.damaged) - set(contents.damaged):
                    return None
            for line in outdated(measured.records, plan.settings):
                say(console, line)
            contents = replace(contents, records=folder.run.own(contents.records))
            searched = config.sweep.search not in ASK_ONCE
            cost = grid_cost(plan, contents.records, config.limit) if searched else None
            measured = replace(measured, records=folder.run.own(measured.records))
            return finish(config, folder, store, measured, failures, left_out, command, console, cost)
    except (KeyboardInterrupt, Lost, StoreFull) as end:
        return stopped(end, folder.run, store, command, console)


def _compact(config: Config, plan: Plan, store: Store, contents: Contents, console: Console) -> None:
    """Joins the slices of the settings that are whole: the others would soon be joined again."""
    lacking = pending_slices(sizes(plan, config.limit), contents.covered, config.slice_size)
    if many := [sid for sid, own in contents.covered.items() if sid not in lacking and crowded(own)]:
        with console.status("joining small files of the store into larger ones"):
            compact(store, many)


def _decode(
    config: Config,
    plan: Plan,
    store: Store,
    folder: RunFolder,
    contents: Contents,
    pending: Mapping[str, list[Span]],
    console: Console,
) -> Backlog:
    stored = stored_totals(contents.records)
    with Display(console, folder.run.title, plan.settings, config.limit, stored) as display:
        return execute(config, plan, store, pending, display, lambda: _grow(folder, plan))


def _grow(folder: RunFolder, plan: Plan) -> None:
    with suppress(OSError):  # the end of the run writes it again, and says so if that fails, too
        folder.grow(plan)
