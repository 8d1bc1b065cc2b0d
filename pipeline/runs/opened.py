"""A run read back from its folder: `open_run(folder)`, from a notebook or for a report. Decodes and writes nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.errors import ConfigError, reason
from pipeline.inputs.dotted import flatten
from pipeline.planning.setting import Setting
from pipeline.runs.run import Run, read_run, store_of
from pipeline.storage.store import Contents, Store

if TYPE_CHECKING:
    from pipeline.report.whole import Whole


class OpenedRun:
    """`run` is run.json as a dataclass; the rest are DataFrames, read when they are first asked for."""

    def __init__(self, path: str | PathLike[str]) -> None:
        """Raises ConfigError, one line, if the folder holds no run that this version reads."""
        self.path = Path(path).expanduser().absolute()
        self.run: Run = read_run(self.path)

    def only(self, setting_ids: Collection[str]) -> OpenedRun:
        """The same run with some of its settings."""
        part = OpenedRun(self.path)
        kept = tuple(setting for setting in self.run.settings if setting.id in setting_ids)
        run = self.run
        part.run = replace(
            run,
            settings=kept,
            asked=len(kept),
            examples={sid: own for sid, own in run.examples.items() if sid in setting_ids},
            failures={sid: own for sid, own in run.failures.items() if sid in setting_ids},
            stopped={sid: own for sid, own in run.stopped.items() if sid in setting_ids},
        )
        return part

    @cached_property
    def settings(self) -> pd.DataFrame:
        """One row per setting, in the order they run: setting_id, group, model, task, decoder, then every value by
        the key that sets it (`axon.anchors`), those that the sweep varied first. Keys of other decoders are NaN.
        """
        rows = [setting_row(setting) for setting in self.run.settings]
        return pd.DataFrame(rows)[list(_ordered(rows, self.run))]

    @cached_property
    def records(self) -> pd.DataFrame:
        """One row per setting and example, ordered by setting and position; the columns of storage/record.py."""
        contents = self._read(lambda store: store.load(self.run.by_id, self.run.limit))
        for line in contents.damaged:
            warnings.warn(line, stacklevel=2)
        return contents.records

    @cached_property
    def points(self) -> pd.DataFrame:
        """One row per setting: quality, NFE and tokens per step with their intervals, as in points.csv."""
        from pipeline.report import find_points

        return find_points([self.run], self.contents.records)

    @cached_property
    def contents(self) -> Contents:
        """What the store holds of the run, its records measured for a report (report/measures.py).

        Raises ConfigError, one line, if the store is gone.
        """
        from pipeline.report.stored import load_measured

        return self._read(lambda store: load_measured(store, self.run.by_id, self.run.limit))

    @property
    def whole(self) -> Whole:
        """Reads the whole records of a setting."""
        from pipeline.report.whole import in_stores

        return in_stores([self.run], [self.store])

    def _read(self, load: Callable[[Store], Contents]) -> Contents:
        store = self.store
        try:
            there = store.exists()
            if there:
                contents = load(store)
                return replace(contents, records=self.run.own(contents.records))
        except ConfigError:
            raise
        except Exception as error:  # the client of every service has errors of its own
            line = f"run={self.path}: its store {store.root} can't be read ({reason(error)}); check your access to it"
            raise ConfigError([line]) from None
        line = (
            f"run={self.path}: its store {store.root} is gone; put it back, or run again: {self.run.command}"
        )
        raise ConfigError([line])

    @cached_property
    def store(self) -> Store:
        """Raises ConfigError for a store that needs a package which is not installed."""
        root = store_of(self.run, self.path)
        try:
            return Store(root)
        except (ImportError, ValueError) as error:
            line = (
                f"run={self.path}: its store {root} can't be opened ({reason(error)}); install what it needs"
            )
            raise ConfigError([line]) from None

    def __repr__(self) -> str:
        return f"OpenedRun({str(self.path)!r}: {self.run.title}, {len(self.run.settings)} settings, {self.run.status})"


def open_run(folder: str | PathLike[str]) -> OpenedRun:
    """The run whose folder this is (the last line that a job prints): its settings, points and records."""
    return OpenedRun(folder)


def setting_row(setting: Setting) -> dict[str, Any]:
    """What names a setting, then every value by the key that sets it."""
    known = {
        "setting_id": setting.id,
        "group": setting.group,
        "model": setting.model_name,
        "task": setting.task.name,
        "decoder": None if setting.foreign else setting.decode.decoder.name,
    }
    decode = {} if setting.foreign else {**asdict(setting.decode), "seed": setting.seed}
    values = flatten({**decode, "task": asdict(setting.task), "model": asdict(setting.model)})
    return {**known, **setting.knobs, **values, **known}


def _ordered(rows: list[dict[str, Any]], run: Run) -> dict[str, None]:
    """The columns: what names a setting, what the sweep varied, the rest."""
    first = ("setting_id", "group", "model", "task", "decoder")
    knobs = [key for setting in run.settings for key in setting.knobs]
    return dict.fromkeys([*first, *knobs, *(key for row in rows for key in row)])
