"""Settings of many runs by a condition, whichever sweeps and machines they are from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.runs.condition import Condition, Row, read_condition
from pipeline.runs.opened import OpenedRun, open_run
from pipeline.runs.run import RUN_FILE, store_of

VALUES = 6  # of a column, that an error names
NOT_RUNS = ("slices", "wandb")  # folders of many files, in a store or a run


def runs_under(folder: Path) -> tuple[list[OpenedRun], list[str]]:
    """The runs in a folder and below it, in the order of their paths, and a line for each that can't be read.

    Raises ConfigError if there is none.
    """
    found, unread = [], []
    for path in _folders(folder):
        try:
            found.append(open_run(path))
        except ConfigError as error:
            unread += error.lines
    if not found:
        lacks = "holds no run" if folder.is_dir() else "there is no such folder"
        line = f"under={folder}: {lacks}; give what was out=FOLDER for the runs, as under=FOLDER"
        raise ConfigError([*unread, line])
    return found, unread


def selected(opened: Sequence[OpenedRun], where: str | None) -> list[OpenedRun]:
    """The runs with those of their settings that fit, a setting of one store in the run that has most examples of it.

    None: all fit.

    Raises ConfigError, one line, for what is no condition on their settings, and where none fits.
    """
    rows = [[one.values(setting) for setting in one.run.settings] for one in opened]
    columns = dict.fromkeys(key for own in rows for row in own for key in row)
    condition = read_condition(where or "true", columns)
    owners: dict[tuple[str, str], tuple[int, int]] = {}  # store, setting -> examples, -place of the run
    for place, (one, own) in enumerate(zip(opened, rows, strict=True)):
        store = store_of(one.run, one.path)
        for setting, row in zip(one.run.settings, own, strict=True):
            if condition.holds(row):
                claim = (one.run.examples.get(setting.id, 0), -place)
                owners[store, setting.id] = max(claim, owners.get((store, setting.id), claim))
    if not owners:
        raise ConfigError([_nothing(condition, [row for own in rows for row in own])])
    chosen: dict[int, set[str]] = {}
    for (_, sid), (_, place) in owners.items():
        chosen.setdefault(-place, set()).add(sid)
    return [opened[place].only(chosen[place]) for place in sorted(chosen)]


def _folders(folder: Path) -> Iterator[Path]:
    for path, below, files in os.walk(folder):
        below[:] = sorted(name for name in below if name not in NOT_RUNS)
        if RUN_FILE in files:
            yield Path(path)


def _nothing(condition: Condition, rows: Sequence[Row]) -> str:
    """That no setting fits, and what the columns hold that the condition names."""
    told = []
    for key in dict.fromkeys(condition.keys.values()):
        values = list(dict.fromkeys(repr(row[key]) for row in rows if row.get(key) is not None))
        more = f" and {len(values) - VALUES} more" if len(values) > VALUES else ""
        told.append(f"{key} is {', '.join(values[:VALUES])}{more}")
    return f"where={condition.text}: none of {len(rows)} settings fits; {'; '.join(told) or 'name a column'}"
