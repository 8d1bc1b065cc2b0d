"""A report for the user: page, picture and table in a folder, a table and a verdict on the terminal, and W&B.

Made of runs and records alone, whether they were just decoded or are read again later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
from rich.console import Console

from pipeline.counted import counted
from pipeline.errors import reason
from pipeline.freed_memory import keep_freed_memory
from pipeline.importing import importing_report
from pipeline.inputs.config import WandbSettings
from pipeline.jobs.console import draw, say
from pipeline.jobs.failures import failure_lines
from pipeline.report.asked import NOTHING, Asked
from pipeline.runs.run import Run
from pipeline.search import ASK_ONCE
from pipeline.storage.store import NO_ROOM, Contents

if TYPE_CHECKING:
    from pipeline.report import Report
    from pipeline.report.data.whole import Whole


def make_report(
    folder: Path,
    runs: Sequence[Run],
    records: pd.DataFrame,
    notes: Sequence[str],
    names: Sequence[str],
    wandb: WandbSettings,
    group: str,
    console: Console,
    whole: Whole,
    asked: Asked = NOTHING,
) -> None:
    """Writes, prints and logs it, under `group` in W&B. Raises OSError if its files can't be written, ConfigError if no
    setting is of the group asked for.

    `records`: measured (report/data/measures.py), `whole` gives whole ones; with several runs, their column `run` is
    the index of the run they belong to. `names`: what the runs are called there, each by another name; none: by their
    sweeps.
    """
    import_report(wandb)
    from pipeline.report import write_report
    from pipeline.show import words

    report = write_report(folder, runs, records, notes, names, words, asked, whole)
    draw(console, report.terminal())
    if wandb.mode != "off":
        _track(wandb, group, folder, report, whole_tables(runs, whole), console)
    for table in report.tables:
        say(console, f"table   {table}")
    say(console, f"picture {report.picture}")
    say(console, f"page    {report.page}")


def import_report(wandb: WandbSettings) -> None:
    """What a report takes: scipy, plotly, matplotlib and W&B need seconds. A sweep does so while it waits for Ray.

    Not transformers, whose tokenizers tell tokens' texts: what decodes has it, and a report has the texts that it had.
    """
    keep_freed_memory()
    with importing_report():
        import pipeline.report.files
        import pipeline.show.words

        if wandb.mode != "off":
            import pipeline.report.tracker.ahead  # noqa: F401


def notes_of(
    run: Run, contents: Contents, failures: Mapping[str, str], left_out: str | None = None
) -> list[str]:
    """What a reader of the report must know beside the figures."""
    notes = []
    if run.command:  # not what was put together from a store
        notes = [f"Made by: {run.command}", f"Run on {run.started:%Y-%m-%d}: {run.environment}."]
    notes += [run.cost] if run.cost else []
    notes += [f"Warning: {line}." for line in run.warnings]
    if levels := sorted(set(contents.records["sandbox"].dropna())):
        notes.append(f"Answers are programs; they ran in a sandbox of level {', '.join(levels)}.")
    notes += repeats(contents.records)
    notes += [f"Failed: {line}" for line in failure_lines(run, failures)]
    part = part_of(run, contents.records)
    if left_out:
        notes.append(f"Ended early: {left_out}; {left_out_of(run, part)}.")
    elif part:
        notes.append(part)
    return [*notes, *contents.damaged]


def repeats(records: pd.DataFrame) -> list[str]:
    """How many records repeat another setting's decode, and what that means for seconds."""
    count = int(records["decoded_under"].notna().sum())
    if not count:
        return []
    return [
        f"{count:,} of the {len(records):,} decodes repeat a neighbouring setting's step by step and were made there: "
        "seconds are of that decode. What is left of a setting fills fewer rows of a batch, in which each takes "
        "longer: compare seconds by job=time."
    ]


def part_of(run: Run, records: pd.DataFrame) -> str:
    """How many settings lack examples, in words; empty if none does."""
    sizes = records["setting_id"].value_counts()
    count = sum(sizes.get(sid, 0) < examples for sid, examples in run.examples.items())
    most = counted(max(run.examples.values(), default=0), "example")
    return f"{counted(count, 'setting')} lacking some of {most}" if count else ""


def left_out_of(run: Run, part: str) -> str:
    """What a budget has left out, in words."""
    return f"left out: {part or 'nothing that was asked for so far'}" + (
        "" if run.search in ASK_ONCE else ", and whatever the search would ask for next"
    )


def whole_tables(runs: Sequence[Run], whole: Whole) -> Iterator[pa.Table]:
    """All records of the runs, a setting at a time; of several runs with their column `run`."""
    for number, run in enumerate(runs):
        for setting in run.settings:
            table = whole(number, setting.id)
            yield table.append_column("run", pa.repeat(number, len(table))) if len(runs) > 1 else table


def unscored(records: pd.DataFrame, failures: Mapping[str, str]) -> dict[str, str]:
    """Settings none of whose examples has a score, each with its first error: they have no point to show."""
    found = {}
    for sid, rows in records.groupby("setting_id", sort=False, observed=True):
        if rows["score"].isna().all() and sid not in failures:
            found[str(sid)] = f"no example was scored; the first error: {rows['error'].iloc[0]}"
    return found


def _track(
    wandb: WandbSettings,
    group: str,
    folder: Path,
    report: Report,
    records: Iterable[pa.Table],
    console: Console,
) -> None:
    from pipeline.report.tracker import Destination, track

    destination = Destination(wandb.mode, wandb.project, group, folder)
    try:
        with console.status("logging to W&B"):
            runs = track(destination, report, records)
        # W&B's files name others by their whole path: what was moved is left out of an upload without a word.
        upload = "" if wandb.mode == "online" else "; upload them with wandb sync before you move the folder"
        say(console, f"W&B     {folder / 'wandb'} ({wandb.mode}, {counted(runs, 'new run')}{upload})")
    except Exception as error:  # W&B can be out of reach in many ways; the results don't depend on it
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise
        others = " or ".join(f"wandb={mode}" for mode in ("offline", "off") if mode != wandb.mode)
        say(console, f"wandb.mode={wandb.mode}: could not log ({reason(error)}); run again, or with {others}")
