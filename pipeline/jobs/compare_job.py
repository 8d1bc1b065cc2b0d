"""job=compare: several runs on one page, settings of any by a condition, or what a store holds by itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console

from pipeline.errors import ConfigError
from pipeline.inputs.named_places import read_named
from pipeline.inputs.run_words import PLACES
from pipeline.inputs.word_path import read_path
from pipeline.jobs.asked_words import read_asked
from pipeline.jobs.console import say
from pipeline.jobs.drawing import check_records, say_part, wandb_settings, written
from pipeline.jobs.list_job import OUT
from pipeline.jobs.report_job import make_report, notes_of
from pipeline.report.data.whole import in_stores
from pipeline.report.entries import run_names
from pipeline.runs.identified import told_apart
from pipeline.runs.opened import OpenedRun, open_run
from pipeline.runs.opened_store import OpenedStore, open_store
from pipeline.runs.selection import runs_under, selected
from pipeline.stop import DONE

LONGEST = 100  # characters of a folder's name


def compare(words: Mapping[str, str], console: Console) -> int:
    """Into a folder of its own. Raises ConfigError, one line per fault."""
    given = [key for key in PLACES if key in words]
    if len(given) > 1:
        line = f"{given[1]}={words[given[1]]}: {given[0]} says already what is compared; leave one out"
        raise ConfigError([line])
    asked = read_asked(words)
    by_name = "runs" in words and not words.get("where")
    opened, notes = (_named(words), []) if by_name else _chosen(words, console)
    wandb, folders = wandb_settings(words, opened[0]), _names(opened)
    out = read_path("out", words["out"]) if words.get("out") else _folder(opened, words)
    # Each run's records are those of its own store, which another run's may not share.
    records = pd.concat(
        [one.contents.records.assign(run=number) for number, one in enumerate(opened)], ignore_index=True
    )
    notes += [
        f"{name}: {note}"
        for one, name in zip(opened, folders, strict=True)
        for note in (*one.origin.notes, *notes_of(one.run, one.contents, one.run.failures))
    ]
    runs = [one.run for one in opened]
    names = run_names(runs, folders, [one.origin.name if one.origin.named else None for one in opened])
    group = f"compare/{out.name}"
    whole = in_stores(runs, [one.store for one in opened])
    written(lambda: make_report(out, runs, records, notes, names, wandb, group, console, whole, asked), out)
    for one in opened:
        say_part(one, f"{one.origin.word}: ", console)
    say(console, str(out))
    return DONE


def _named(words: Mapping[str, str]) -> list[OpenedRun]:
    """The runs that `runs` names."""
    opened = [open_run(own.place).called(own.name) for own in read_named(words, "runs")]
    if len({one.path for one in opened}) < 2 or len({one.path for one in opened}) < len(opened):
        raise ConfigError(
            [f"runs={words['runs']}: needs two or more different runs; write runs=[FOLDER,FOLDER]"]
        )
    for one in opened:
        check_records(one)
    return opened


def _chosen(words: Mapping[str, str], console: Console) -> tuple[list[OpenedRun], list[str]]:
    """The settings that `where` chooses, or all, of the runs or stores named; and notes that say so."""
    opened, unread = _places(words)
    where = words.get("where")
    kept = []
    for one in selected(opened, where):
        try:
            check_records(one)
            kept.append(one)
        except ConfigError as error:  # of many runs one may be gone
            unread += error.lines
    for line in unread:
        say(console, f"left out: {line}")
    if not kept:
        what = f"where={where}: nothing is stored of what fits; run it first"
        raise ConfigError([what] if where else unread[:1])
    count = sum(len(one.run.settings) for one in kept)
    every = sum(len(one.run.settings) for one in opened)
    kind = "stores" if isinstance(opened[0], OpenedStore) else "runs"
    chosen = f"{count:,} of {every:,} settings, in {len(kept)} of {len(opened)} {kind}"
    chosen += f", where {where}" if where else ""
    say(console, chosen)
    return kept, [f"Chosen: {chosen}.", *(f"Left out: {line}" for line in unread)]


def _places(words: Mapping[str, str]) -> tuple[list[OpenedRun], list[str]]:
    """The runs or stores that the words name, and a line for each part that can't be read."""
    if "runs" in words:
        return [open_run(own.place).called(own.name) for own in read_named(words, "runs")], []
    if "store" not in words:
        return runs_under(read_path("under", words.get("under") or OUT))
    places = dict.fromkeys(read_named(words, "store"))
    found = [(open_store(own.place), own.name) for own in places]
    return [store.called(name) for (store, _), name in found], [line for (_, own), _ in found for line in own]


def _names(opened: Sequence[OpenedRun]) -> list[str]:
    """As a user named them, or of their folders; of runs without a sweep what tells their settings apart, where that
    is enough.
    """
    single = [one for one in opened if one.run.alone and not one.origin.named]
    told = dict(zip(single, told_apart([one.run.settings[0] for one in single]), strict=True))
    taken = [*told.values(), *(one.origin.name for one in opened)]
    return [told[one] if one in told and taken.count(told[one]) == 1 else one.origin.name for one in opened]


def _folder(opened: Sequence[OpenedRun], words: Mapping[str, str]) -> Path:
    """`compare/<names>` where all the runs are, their `out`; under `outputs` here if they are of several."""
    name = "+".join(one.origin.name for one in opened)
    if "store" in words:
        local = [one.path.parent for one in opened if "://" not in one.run.store]
        common = local[0] if local else Path(OUT)
    elif words.get("under"):
        common = read_path("under", words["under"])
    else:
        places = {one.path.parent.parent for one in opened}
        common = places.pop() if len(places) == 1 else Path(OUT)
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "_", words.get("where") or name).strip("_")[:LONGEST]
    named = [str(one.path) for one in opened if one.origin.named]
    if words.get("where") or plain != name or named:  # another folder for other runs, or another condition
        content = " ".join([name, words.get("where", ""), *named])
        digest = hashlib.sha256(content.encode()).hexdigest()[:6]
        plain = f"{plain}-{digest}"
    return common / "compare" / plain
