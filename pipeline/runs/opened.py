"""A run read back from its folder: `open_run(folder)`, from a notebook or for a report. Decodes and writes nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from pipeline.errors import ConfigError, reason
from pipeline.inputs.dotted import flatten
from pipeline.inputs.word_path import read_path
from pipeline.planning.setting import Setting
from pipeline.runs.run import RUN_FILE, Run, read_run, store_of
from pipeline.storage.store import Contents, Store

if TYPE_CHECKING:
    from pipeline.report.data.whole import Whole


@dataclass(frozen=True)
class Origin:
    """Where a run was read from, as reports and errors say it."""

    name: str  # tells it from others of one comparison, as a rule
    word: str  # of a command that names it
    remedy: str  # where results are lacking
    notes: tuple[str, ...] = ()  # what a reader of its report must know beside what run.json says
    named: bool = False  # whether a user gave the name


class OpenedRun:
    """`run` is run.json as a dataclass; the rest are DataFrames, read when they are first asked for."""

    def __init__(self, path: Path, run: Run, origin: Origin) -> None:
        self.path, self.run, self.origin = path, run, origin

    def called(self, name: str | None) -> Self:
        """The same run with the name that a user gives it, if any."""
        if name is None:
            return self
        return type(self)(self.path, self.run, replace(self.origin, name=name, named=True))

    def only(self, setting_ids: Collection[str]) -> Self:
        """The same run with some of its settings."""
        run = self.run
        kept = tuple(setting for setting in run.settings if setting.id in setting_ids)
        part = replace(
            run,
            settings=kept,
            asked=len(kept),
            examples={sid: own for sid, own in run.examples.items() if sid in setting_ids},
            failures={sid: own for sid, own in run.failures.items() if sid in setting_ids},
            stopped={sid: own for sid, own in run.stopped.items() if sid in setting_ids},
        )
        return type(self)(self.path, part, self.origin)

    def values(self, setting: Setting) -> dict[str, Any]:
        """What conditions on its settings may name: each value by the key that sets it, and what is said of the run.

        What of AXON the setting doesn't read is left out, whatever its value.
        """
        told = {"run": self.origin.name, "sweep": self.run.name, "status": self.run.status}
        return {**read_values(setting, setting_row(setting)), **told}

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
    def matched_nfe(self) -> pd.DataFrame:
        """Quality at matched NFE, as in matched_nfe.csv: a row per pair of fronts and budget; none without a pair."""
        from pipeline.report import find
        from pipeline.report.words.matched_table import matched_table

        return matched_table(find([self.run], self.contents.records, whole=self.whole).facets)

    def verdicts(self, against: str | None = None) -> pd.DataFrame:
        """The verdicts' figures, as in verdicts.csv: a row per front that is compared with another; none without.

        `against`: a group, or of several decoders its own, `base (dawn)`: all other fronts are compared with it.
        Raises ConfigError for one that the run doesn't have.
        """
        from pipeline.report import find
        from pipeline.report.asked import Asked
        from pipeline.report.words.verdict_table import verdict_table

        asked = Asked(against=against)
        return verdict_table(find([self.run], self.contents.records, asked=asked, whole=self.whole).facets)

    @cached_property
    def contents(self) -> Contents:
        """What the store holds of the run, its records measured for a report (report/data/measures.py).

        Raises ConfigError, one line, if the store is gone.
        """
        from pipeline.report.data.stored import load_measured

        return self._read(lambda store: load_measured(store, self.run.by_id, self.run.limit))

    @property
    def whole(self) -> Whole:
        """Reads the whole records of a setting."""
        from pipeline.report.data.whole import in_stores

        return in_stores([self.run], [self.store])

    def _read(self, load: Callable[[Store], Contents]) -> Contents:
        store, word = self.store, self.origin.word
        try:
            there = store.exists()
            if there:
                contents = load(store)
                return replace(contents, records=self.run.own(contents.records))
        except ConfigError:
            raise
        except Exception as error:  # the client of every service has errors of its own
            line = f"{word}: its store {store.root} can't be read ({reason(error)}); check your access to it"
            raise ConfigError([line]) from None
        remedy = f'put it back, write where it lies now as "store" into {RUN_FILE}, or run again'
        line = f"{word}: its store {store.root} is gone; {remedy}: {self.run.command}"
        raise ConfigError([line])

    @cached_property
    def store(self) -> Store:
        """Raises ConfigError for a store that needs a package which is not installed."""
        root = store_of(self.run, self.path)
        try:
            return Store(root)
        except (ImportError, ValueError) as error:
            line = f"{self.origin.word}: its store {root} can't be opened ({reason(error)}); install what it needs"
            raise ConfigError([line]) from None

    def __repr__(self) -> str:
        return f"OpenedRun({str(self.path)!r}: {self.run.title}, {len(self.run.settings)} settings, {self.run.status})"


def open_run(folder: str | PathLike[str]) -> OpenedRun:
    """The run whose folder this is (the last line that a job prints): its settings, points and records.

    Raises ConfigError, one line, if the folder holds no run that this version reads.
    """
    path = read_path("run", folder).absolute()
    run = read_run(path)
    return OpenedRun(path, run, Origin(path.name, f"run={path}", f"run it first: {run.command}"))


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


def read_values(setting: Setting, row: Mapping[str, Any]) -> dict[str, Any]:
    """Of a setting's row what it reads."""
    read = {f"axon.{key}" for key in flatten(setting.identity.get("axon", {}))}
    if setting.uses_axon:
        read.add("axon.budget_counts")  # which at its default is in no identity
    return {key: value for key, value in row.items() if not key.startswith("axon.") or key in read}


def _ordered(rows: list[dict[str, Any]], run: Run) -> dict[str, None]:
    """The columns: what names a setting, what the sweep varied, the rest."""
    first = ("setting_id", "group", "model", "task", "decoder")
    knobs = [key for setting in run.settings for key in setting.knobs]
    return dict.fromkeys([*first, *knobs, *(key for row in rows for key in row)])
