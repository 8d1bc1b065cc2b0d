"""Jobs on runs that exist: report, rerun, compare, show. Their words name folders, so that no config is composed."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from pipeline.errors import ConfigError, one_of, reason
from pipeline.inputs.config import WandbSettings
from pipeline.jobs.asked_words import ASKED, read_asked
from pipeline.jobs.console import command_line, say
from pipeline.jobs.report_job import make_report, notes_of, part_of
from pipeline.report.whole import in_stores
from pipeline.runs.opened import OpenedRun, open_run
from pipeline.runs.selection import runs_under, selected
from pipeline.stop import DONE

WORDS = {
    "report": ("run", "out", "wandb", *ASKED),
    "rerun": ("run", "limit", "batch_size", "workers"),
    "compare": ("runs", "where", "under", "out", "wandb", *ASKED),
    "show": ("run", "setting", "settings", "example", "step", "format", "out"),
}
_WANDB = TypeAdapter(WandbSettings)
OUT = "outputs"  # where runs are, unless `under` says otherwise: conf/config.yaml's `out`
LONGEST = 100  # characters of a folder's name


def main(words: Mapping[str, str], console: Console) -> int:
    """Does what the words ask for, such as `job=report run=FOLDER`, and returns the exit code.

    0: done (for rerun: every record is equal); 1: not equal, or failed; 130: stopped by Ctrl-C; 143: by SIGTERM. Raises
    ConfigError, one line per fault, for words and runs that it can't work with.
    """
    return _job(words)(words, console)


def _job(words: Mapping[str, str]) -> Callable[[Mapping[str, str], Console], int]:
    job = words.get("job", "")
    jobs = {"report": _report, "rerun": _rerun, "compare": _compare, "show": _show}
    if job not in jobs:
        line = f"job={job}: does not take run=FOLDER or runs=[A,B]; {one_of(jobs)}"
        raise ConfigError([line if job else f"job: missing; with run=FOLDER or runs=[A,B] {one_of(jobs)}"])
    taken = WORDS[job]
    if unknown := [f"{key}={value}" for key, value in words.items() if key not in ("job", *taken)]:
        raise ConfigError(f"{word}: job={job} takes {', '.join(taken)}; leave it out" for word in unknown)
    if not words.get(taken[0]) and not words.get("where"):
        example = "run=FOLDER" if taken[0] == "run" else "runs=[FOLDER,FOLDER] or where=CONDITION"
        raise ConfigError(
            [f"job={job}: needs {example}; give the folder that a job's last line prints, for each run"]
        )
    return jobs[job]


def _report(words: Mapping[str, str], console: Console) -> int:
    """Draws a run's report again, into its folder or another."""
    opened = open_run(words["run"])
    wandb, asked = _wandb(words, opened), read_asked(words)
    _check_records(opened)
    run, contents = opened.run, opened.contents
    out = Path(words.get("out") or opened.path).expanduser()
    notes = notes_of(run, contents, run.failures)
    group = f"{run.name}/{opened.path.name}"
    _written(
        lambda: make_report(
            out, [run], contents.records, notes, (), wandb, group, console, opened.whole, asked
        ),
        out,
    )
    _say_part(opened, "", console)
    say(console, str(out))
    return DONE


def _rerun(words: Mapping[str, str], console: Console) -> int:
    from pipeline.jobs.rerun import rerun  # torch and transformers take seconds to import

    opened = open_run(words["run"])
    _check_decoded(opened)
    command = command_line([f"{key}={value}" for key, value in words.items()])
    limit, batch_size, workers = (_count(words, key) for key in ("limit", "batch_size", "workers"))
    return rerun(opened, limit, batch_size, workers, command, console)


def _show(words: Mapping[str, str], console: Console) -> int:
    from pipeline.show.job import show

    opened = open_run(words["run"])
    _check_decoded(opened)
    _check_records(opened)
    return show(opened, words, console)


def _compare(words: Mapping[str, str], console: Console) -> int:
    """Several runs on one page, or settings of any by a condition, into a folder of their own."""
    opened, notes = _chosen(words, console) if words.get("where") else (_named(words), [])
    wandb, asked = _wandb(words, opened[0]), read_asked(words)
    names = [one.path.name for one in opened]
    out = Path(words["out"]).expanduser() if words.get("out") else _comparison_folder(opened, words)
    # Each run's records are those of its own store, which another run's may not share.
    records = pd.concat(
        [one.contents.records.assign(run=number) for number, one in enumerate(opened)], ignore_index=True
    )
    notes += [
        f"{name}: {note}"
        for one, name in zip(opened, names, strict=True)
        for note in notes_of(one.run, one.contents, one.run.failures)
    ]
    runs = [one.run for one in opened]
    group = f"compare/{out.name}"
    whole = in_stores(runs, [one.store for one in opened])
    _written(lambda: make_report(out, runs, records, notes, names, wandb, group, console, whole, asked), out)
    for one in opened:
        _say_part(one, f"run={one.path}: ", console)
    say(console, str(out))
    return DONE


def _named(words: Mapping[str, str]) -> list[OpenedRun]:
    """The runs that `runs` names."""
    opened = _opened(words)
    if len({one.path for one in opened}) < 2 or len({one.path for one in opened}) < len(opened):
        raise ConfigError(
            [f"runs={words['runs']}: needs two or more different runs; write runs=[FOLDER,FOLDER]"]
        )
    for one in opened:
        _check_records(one)
    return opened


def _chosen(words: Mapping[str, str], console: Console) -> tuple[list[OpenedRun], list[str]]:
    """The settings that `where` chooses, of `runs` or of all runs under `under`, by run; and a note that says so."""
    where, unread = words["where"], list[str]()
    if words.get("runs") and words.get("under"):
        raise ConfigError([f"under={words['under']}: runs names the runs already; leave one out"])
    if words.get("runs"):
        opened = _opened(words)
    else:
        opened, unread = runs_under(Path(words.get("under") or OUT))
    fitting, kept = selected(opened, where), []
    for one in fitting:
        try:
            _check_records(one)
            kept.append(one)
        except ConfigError as error:  # of many runs one may be gone
            unread += error.lines
    for line in unread:
        say(console, f"left out: {line}")
    if not kept:
        raise ConfigError([f"where={where}: nothing is stored of what fits; run it first"])
    count = sum(len(one.run.settings) for one in kept)
    every = sum(len(one.run.settings) for one in opened)
    chosen = f"{count:,} of {every:,} settings, in {len(kept)} of {len(opened)} runs, where {where}"
    say(console, chosen)
    return kept, [f"Chosen: {chosen}.", *(f"Left out: {line}" for line in unread)]


def _opened(words: Mapping[str, str]) -> list[OpenedRun]:
    folders = [part.strip().strip("'\"") for part in words["runs"].strip().strip("[]()").split(",")]
    return [open_run(folder) for folder in folders if folder]


def _comparison_folder(opened: Sequence[OpenedRun], words: Mapping[str, str]) -> Path:
    """`compare/<names>` in the folder that holds all the runs: their common `out`, as a rule."""
    common = Path(os.path.commonpath([one.path.parent.parent for one in opened]))
    name = "+".join(one.path.name for one in opened)
    if where := words.get("where"):  # another folder for other runs, or another condition
        common = Path(words["under"]).expanduser() if words.get("under") else common
        digest = hashlib.sha256(f"{name} {where}".encode()).hexdigest()[:6]
        name = f"{re.sub(r'[^A-Za-z0-9._]+', '_', where).strip('_')[:LONGEST]}-{digest}"
    elif len(name) > LONGEST:
        name = f"{name[:LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    return common / "compare" / name


def _check_records(opened: OpenedRun) -> None:
    if opened.contents.records.empty:
        line = f"run={opened.path}: nothing of it is stored; run it first: {opened.run.command}"
        raise ConfigError([line])


def _check_decoded(opened: OpenedRun) -> None:
    """Raises ConfigError for answers from elsewhere, which name no decode."""
    if any(setting.foreign for setting in opened.run.settings):
        line = f"run={opened.path}: its answers were imported, and nothing of it was decoded here; give another run"
        raise ConfigError([line])


def _say_part(opened: OpenedRun, which: str, console: Console) -> None:
    if part := part_of(opened.run, opened.contents.records):
        say(console, f"{which}{part}: this is a report of a part; to go on: {opened.run.command}")


def _written(write: Callable[[], None], out: Path) -> None:
    try:
        write()
    except OSError as error:
        line = f"out={out}: can't be written ({reason(error)}); choose another with out=..."
        raise ConfigError([line]) from None


def _wandb(words: Mapping[str, str], opened: OpenedRun) -> WandbSettings:
    """Off unless asked for; the project is the run's."""
    mode = words.get("wandb", "off")
    if mode == "online":
        from pipeline.inputs.checks import check_login

        check_login()
    try:
        return _WANDB.validate_python({"mode": mode, "project": opened.run.config["wandb"]["project"]})
    except ValidationError:
        raise ConfigError([f"wandb={mode}: unknown; one of off, offline, online"]) from None


def _count(words: Mapping[str, str], key: str) -> int | None:
    if key not in words:
        return None
    if not words[key].isdecimal() or int(words[key]) < 1:
        raise ConfigError([f"{key}={words[key]}: must be a whole number of at least 1; write digits alone"])
    return int(words[key])
