"""What a report is about: the settings of its runs, one entry each, divided into facets of one task and one model.

Settings of one run and group that differ in the seed alone are one entry (seeds.py): all that follows sees it as one.

Qualities on different tasks, or of different models, have no common scale: nothing is compared across facets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.planning.seeds import SEED, joint, pools
from pipeline.planning.setting import Setting, Stop
from pipeline.report.data import seeds
from pipeline.report.data.whole import Whole
from pipeline.runs.run import Run
from pipeline.storage.record import UNANSWERED

DIGITS = 8  # of a content hash, enough to tell two apart


@dataclass(frozen=True)
class Entry:
    """A setting as one run evaluated it, with all its seeds: one point of the report.

    `seeds`: the settings with one seed each where the group has several; `setting` then has the id of the first.
    In a report on several runs the setting's group also names the run, so that each group is of one run.
    """

    run: str
    setting: Setting
    stop: Stop | None = None
    command: str = ""  # the run's
    search: str | None = None  # which asked for the setting, where it is known
    seeds: tuple[Setting, ...] = ()

    @property
    def members(self) -> tuple[Setting, ...]:
        """The settings whose records it has."""
        return self.seeds or (self.setting,)


@dataclass(frozen=True)
class Part:
    """The entries of one facet and their cleaned records, whose column `point` is the index of the entry.

    `whole`: index of an entry -> its whole records, read from its store, of each seed by itself.
    """

    task: str
    model: str
    entries: tuple[Entry, ...]
    rows: pd.DataFrame
    whole: Callable[[int], list[pa.Table]]

    @property
    def scored(self) -> pd.DataFrame:
        """The rows that have a score; no copy where all have."""
        return self.rows if self.rows["scored"].all() else self.rows[self.rows["scored"]]

    @property
    def averaged(self) -> pd.DataFrame:
        """The scored rows, an example once: of an entry with several seeds with its means over them."""
        return self._averaged if self.pooled else self.scored

    @cached_property
    def _averaged(self) -> pd.DataFrame:
        return seeds.average(self.scored, self.pooled)

    @cached_property
    def pooled(self) -> frozenset[int]:
        """The entries of several seeds."""
        return frozenset(point for point, entry in enumerate(self.entries) if len(entry.seeds) > 1)

    @cached_property
    def shares(self) -> dict[int, int]:
        """Of these the ones whose scores are all 0 or 1 under each seed, and how many scores that are."""
        return seeds.shares(self.scored, self.pooled) if self.pooled else {}

    @cached_property
    def seed_examples(self) -> dict[int, list[int]]:
        """Of each entry with seeds, how many examples each of them has records of."""
        seeded = [point for point, entry in enumerate(self.entries) if entry.seeds]
        if not seeded:
            return {}
        own = self.rows[self.rows["point"].isin(seeded)]
        sizes = own.groupby(["point", "setting_id"], observed=True).size().to_dict()
        return {
            point: [int(sizes.get((point, member.id), 0)) for member in self.entries[point].seeds]
            for point in seeded
        }

    @cached_property  # asked for of every setting
    def settings(self) -> list[Setting]:
        return [entry.setting for entry in self.entries]


def split(runs: Sequence[Run], names: Sequence[str], rows: pd.DataFrame, whole: Whole) -> list[Part]:
    """The facets in the order of the settings; `names`: of the runs; `rows`: the cleaned records.

    A record that doesn't say which run it is from belongs to every run that has its setting.
    """
    owners: dict[tuple[str, ...], list[tuple[int, Entry]]] = {}
    facet = _facets([setting for run in runs for setting in run.settings])
    for number, (run, name) in enumerate(zip(runs, names, strict=True)):
        for setting in run.settings:
            named = replace(setting, group=_group(run, name, setting)) if len(runs) > 1 else setting
            owners.setdefault(facet(setting), []).append(
                (number, Entry(name, named, run.stopped.get(setting.id), run.command, run.search))
            )
    owners = {place: _pooled(own) for place, own in owners.items()}
    tasks = distinct_names([_task(own[0][1].setting) for own in owners.values()])
    models = distinct_names([_model(own[0][1].setting) for own in owners.values()])
    return [
        Part(
            task,
            model,
            tuple(entry for _, entry in own),
            _common(own, _rows(runs, own, rows)),
            _whole(own, whole),
        )
        for task, model, own in zip(tasks, models, owners.values(), strict=True)
    ]


def _pooled(entries: list[tuple[int, Entry]]) -> list[tuple[int, Entry]]:
    """Those of one run and group that differ in the seed alone as one.

    Where a group has such, all of it are called without a seed.
    """
    settings = [((number, entry.setting.group), entry.setting) for number, entry in entries]
    found, several = [], pools(settings)
    seeded = {settings[own[0]][0] for own in several if len(own) > 1}
    for own in several:
        number, first = entries[own[0]]
        members = tuple(entries[place][1].setting for place in own)
        if settings[own[0]][0] in seeded and first.setting.identity.get(SEED) is not None:
            # Which seeds were stopped depends on their scores: the mean of the others would flatter.
            stop = next((stop for place in own if (stop := entries[place][1].stop)), None)
            first = replace(first, setting=joint(members), stop=stop, seeds=members)
        found.append((number, first))
    return found


def _group(run: Run, name: str, setting: Setting) -> str:
    """The group's name where there are several runs, this one called `name`."""
    if setting.foreign and setting.group == f"{run.name} (imported)":
        return f"{name} (imported)"
    return name if run.alone else f"{name}: {setting.group}"


def run_names(
    runs: Sequence[Run], folders: Sequence[str] = (), given: Sequence[str | None] = ()
) -> list[str]:
    """Each run by the name that a user gave it, else by its own; by its folder, if known, where several share a name
    or it is of no sweep; numbered where that doesn't help.
    """
    given = given or [None] * len(runs)
    names = [own or run.name for run, own in zip(runs, given, strict=True)]
    if folders:
        shared = Counter(names)
        names = [
            own or (folder if shared[run.name] > 1 or run.alone else run.name)
            for run, folder, own in zip(runs, folders, given, strict=True)
        ]
    shared = Counter(names)
    return [
        f"{name} #{1 + names[:number].count(name)}" if shared[name] > 1 and own is None else name
        for number, (name, own) in enumerate(zip(names, given, strict=True))
    ]


def distinct_names(things: Sequence[Mapping[str, Any]]) -> list[str]:
    """The `name` of each; where different things share one, with what differs: `arith (split=train)`."""
    names = []
    for own in things:
        namesakes = [other for other in things if other["name"] == own["name"]]
        differing = [key for key in own if len({str(other.get(key)) for other in namesakes}) > 1]
        details = ", ".join(f"{key}={own[key]}" for key in differing)
        names.append(f"{own['name']} ({details})" if details else str(own["name"]))
    return names


def _facets(settings: Sequence[Setting]) -> Callable[[Setting], tuple[str, ...]]:
    """Where a setting belongs: one from elsewhere, whose weights nobody has hashed, by its model's name."""
    named: dict[tuple[str, ...], tuple[str, ...]] = {}
    for setting in settings:
        if not setting.foreign:
            named.setdefault((setting.model_name, *_facet(setting)[:-1]), _facet(setting))

    def facet(setting: Setting) -> tuple[str, ...]:
        own = _facet(setting)
        return named.get((setting.model_name, *own[:-1]), own) if setting.foreign else own

    return facet


def _facet(setting: Setting) -> tuple[str, ...]:
    return tuple(str(value) for value in (*_task(setting).values(), setting.identity["model"]["content"]))


def _task(setting: Setting) -> dict[str, Any]:
    task = setting.identity["task"]
    content = str(task.get("content", ""))[:DIGITS]
    return {**{key: task[key] for key in ("name", "version", "split", "seed")}, "content": content}


def _model(setting: Setting) -> dict[str, Any]:
    return {"name": setting.model_name, "content": setting.identity["model"]["content"][:DIGITS]}


def _whole(entries: Sequence[tuple[int, Entry]], whole: Whole) -> Callable[[int], list[pa.Table]]:
    def of_point(point: int) -> list[pa.Table]:
        number, entry = entries[point]
        return [whole(number, member.id) for member in entry.members]

    return of_point


def _common(entries: Sequence[tuple[int, Entry]], rows: pd.DataFrame) -> pd.DataFrame:
    """Without what was imported to examples that nothing was decoded on here: points are of the same examples.

    Nor is an example unscored that a file from elsewhere leaves out.
    """
    foreign = [point for point, (_, entry) in enumerate(entries) if entry.setting.foreign]
    if foreign:
        rows = rows[rows["error"] != UNANSWERED]
    if not foreign or len(foreign) == len(entries):
        return rows
    elsewhere = rows["point"].isin(foreign)
    return rows[~elsewhere | rows["example_id"].isin(rows.loc[~elsewhere, "example_id"].unique())]


def _rows(runs: Sequence[Run], entries: Iterable[tuple[int, Entry]], rows: pd.DataFrame) -> pd.DataFrame:
    """The entries' rows of the examples that their run asked for, with column `point`."""
    points: dict[int, dict[str, int]] = {}
    for point, (number, entry) in enumerate(entries):
        points.setdefault(number, {}).update({member.id: point for member in entry.members})
    found = []
    for number, of_setting in points.items():
        names, codes = rows["setting_id"].cat.categories, rows["setting_id"].cat.codes.to_numpy()
        points_N = np.array([*(of_setting.get(name, -1) for name in names), -1], dtype=np.int32)[codes]
        examples_N = np.array([*(runs[number].examples.get(name, 0) for name in names), 0])[codes]
        own_N = (points_N >= 0) & (rows["position"] < examples_N)
        own_N &= rows["run"].isna() | (rows["run"] == number)
        own = rows if own_N.all() else rows[own_N]  # no copy of what is all of it
        found.append(own.assign(point=points_N[own_N]))
    return found[0] if len(found) == 1 else pd.concat(found, ignore_index=True)
