"""How a run ends: its report, its run.json completed, and what the user is told."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from rich.console import Console

from pipeline.errors import reason
from pipeline.inputs.config import Config
from pipeline.jobs.console import say
from pipeline.jobs.failures import failure_lines
from pipeline.jobs.report_job import left_out_of, make_report, notes_of, part_of, unscored
from pipeline.report.data.whole import in_stores
from pipeline.runs.run import Run
from pipeline.runs.run_folder import RunFolder
from pipeline.stop import DONE, FAILED, Lost, exit_code
from pipeline.storage.store import Contents, Store, StoreFull


def finish(
    config: Config,
    folder: RunFolder,
    store: Store,
    contents: Contents,
    failures: Mapping[str, str],
    left_out: str | None,
    command: str,
    console: Console,
    cost: str | None = None,
) -> int:
    """Reports what there is, completes run.json and returns the exit code.

    `contents`: with measured records (report/data/measures.py). `left_out`: why something was left out, if it was.
    `cost`: what a search took beside the grid, in a sentence.
    """
    failures = {**failures, **unscored(contents.records, failures)}
    run, part = folder.run, part_of(folder.run, contents.records)
    if contents.records.empty:
        with suppress(OSError):  # what failed is told below
            folder.end("failed", failures, "nothing was decoded")
        say_failures(run, failures, console)
        return FAILED
    try:
        if cost != run.cost:
            folder.keep_cost(cost)
            run = folder.run
        notes = notes_of(run, contents, failures, left_out)
        if cost:
            say(console, cost)
        group = f"{run.name}/{folder.path.name}"
        whole = in_stores([run], [store])
        make_report(folder.path, [run], contents.records, notes, (), config.wandb, group, console, whole)
        folder.end("incomplete" if failures or part or left_out else "done", failures, left_out)
    except OSError as error:
        say_failures(run, failures, console)
        say(
            console,
            f"out={config.out}: the report is not whole ({reason(error)}); the results are kept in {store.root}. "
            f"Make room, or choose another with out=..., then: {command}",
        )
        return FAILED
    if part and config.job == "report":
        say(console, f"{part}: this is a report of a part; the same command without job=report goes on")
    say_failures(run, failures, console)
    if left_out:
        say(
            console,
            f"{left_out}; {left_out_of(run, part)}. The same command with a larger budget goes on: {command}",
        )
    say(console, str(folder.path))
    return FAILED if failures or left_out else DONE


def stopped(
    end: KeyboardInterrupt | Lost | StoreFull, run: Run, store: Store, command: str, console: Console
) -> int:
    """Says how much is kept and how to go on, and returns the exit code."""
    why = "Stopped" if isinstance(end, KeyboardInterrupt) else str(end)
    kept = len(store.outcomes(run.by_id, run.limit).records)
    total = sum(run.examples.values())
    say(console, f"{why}. {kept:,} of {total:,} examples are kept. To go on: {command}")
    return exit_code(end) if isinstance(end, KeyboardInterrupt) else FAILED


def say_failures(run: Run, failures: Mapping[str, str], console: Console) -> None:
    if failures:
        say(console, f"{len(failures)} of {len(run.settings)} settings failed; the rest is kept:")
        for line in failure_lines(run, failures):
            say(console, f"  {line}")
