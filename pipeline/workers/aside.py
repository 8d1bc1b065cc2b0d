"""Workers that are set aside for settings that can't be begun where they are: their model, task or store isn't there.
A worker that lacks a package is set aside for all.

Such a setting goes back, to be begun elsewhere. What it lacked is not tried again by that worker, nor on its machine
until another worker there has had it; all else is. A worker that can begin nothing of what waits keeps its trial, and
so its cores, on which Ray would start another. A setting fails when no machine that is left can begin it. A machine
that comes back, or a new one, is known to lack nothing. Knows nothing of Ray.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pipeline.planning.assignment import Assignment
from pipeline.planning.backlog import Backlog
from pipeline.planning.setting import Setting

Part = Literal["model", "task", "store", "packages"]  # what a setting needs of a machine
PARTS: tuple[Part, ...] = get_args(Part)
NAMED = 8  # so many machines are named in a line
REMEDY = "give one of them what it lacks, or add a machine that has it, and run the same command"


@dataclass(frozen=True)
class Place:
    """Where a worker is."""

    machine: str  # Ray's id of it, another one each time that its node starts
    process: int
    name: str  # of the machine


@dataclass(frozen=True)
class Unready:
    """A worker can't begin its setting. Without a line it hasn't tried, as it was told that it lacks something."""

    place: Place
    part: Part = "model"
    line: str = ""


@dataclass(frozen=True)
class Room:
    """Ray's machines at the moment."""

    workers: int  # for so many there is room, those included that are set aside
    machines: frozenset[str]  # that have room for one


class Aside:
    """Which workers lack what, and which of them wait."""

    def __init__(self, backlog: Backlog, room: Callable[[], Room]) -> None:
        self._backlog, self._room = backlog, room
        self._held: dict[str, Place] = {}  # workers that wait, by trial
        self._numbers: dict[tuple[Part, Any], int] = {}  # of what settings need
        self._needs: dict[str, tuple[int, ...]] = {}  # by setting
        self._lacking: defaultdict[int, dict[Place, Unready]] = defaultdict(dict)  # by what is needed
        self._having: defaultdict[int, set[str]] = defaultdict(set)  # machines where it was there
        self._looked: object = None  # at what, when all that waits was looked through for the hopeless
        self._given_up: list[str] = []

    @property
    def count(self) -> int:
        """How many workers wait."""
        return len(self._held)

    @property
    def machines(self) -> frozenset[str]:
        """Where they are."""
        return frozenset(place.machine for place in self._held.values())

    @property
    def lacks(self) -> str:
        """What these machines lack: each reason, with the machines."""
        there = self.machines
        return _reasons(
            (place, unready)
            for own in self._lacking.values()
            for place, unready in own.items()
            if place.machine in there
        )

    def holds(self, trial: str) -> bool:
        return trial in self._held

    def released(self, trial: str) -> None:
        """Its worker goes on, or is lost."""
        self._held.pop(trial, None)

    def barred(self, setting: Setting) -> frozenset[str | Place]:
        """The machines, and the workers of others, where it can't be begun."""
        found: set[str | Place] = set()
        for need in self._needed(setting):
            for place in self._lacking.get(need, ()):
                found.add(place if place.machine in self._having[need] else place.machine)
        return frozenset(found)

    def able(self, place: Place, setting: Setting) -> bool:
        """Whether a worker may be able to begin the setting."""
        return not self._lacking or self.barred(setting).isdisjoint((place, place.machine))

    def waits(self, trial: str, assignment: Assignment, unready: Unready) -> bool:
        """Whether a worker that can't begin its setting shall wait, which is asked now and then; else its trial ends.

        The first time its assignment goes back.
        """
        place = unready.place
        if trial not in self._held:
            self._held[trial] = place
            if unready.line:
                need = self._needed(assignment.setting)[PARTS.index(unready.part)]
                self._lacking[need][place] = unready
            self._backlog.lost(assignment, unready.line, begun=False)
            self._give_up([assignment.setting.id])
        self._give_up_hopeless()
        settled = not self._backlog.waiting and not self._backlog.taken  # then it is time to ask for more
        # A machine has left, and what would have been begun there waits for the cores of this worker.
        crowded = self._backlog.taken + self.count > self._room().workers
        return not (self._backlog.over or settled or crowded or self._begins_something(place))

    def begun(self, place: Place, setting: Setting) -> list[str]:
        """A worker has evaluated something of the setting: a line for each that is set aside for what it needs."""
        lines = []
        for need in self._needed(setting):
            self._having[need].add(place.machine)
            for other, unready in self._lacking.get(need, {}).items():
                who = other.name if other.machine not in self._having[need] else f"a worker on {other.name}"
                which = "" if unready.part == "packages" else " for such settings"
                lines.append(f"{who} is set aside{which}: {unready.line}")
        return list(dict.fromkeys(lines))

    def given_up(self) -> list[str]:
        """The settings that have failed since this was asked last, as no machine that is left can begin them."""
        found, self._given_up = self._given_up, []
        return found

    def _needed(self, setting: Setting) -> tuple[int, ...]:
        """What a setting needs, by number. Its own way to the store, as that may have been blocked for a moment; the
        packages are the same for all.
        """
        if setting.id not in self._needs:
            keys = zip(PARTS, (setting.model, setting.task, setting.id, None), strict=True)
            self._needs[setting.id] = tuple(self._numbers.setdefault(key, len(self._numbers)) for key in keys)
        return self._needs[setting.id]

    def _begins_something(self, place: Place) -> bool:
        return any(self.able(place, setting) for setting in self._backlog.settings_waiting())

    def _give_up_hopeless(self) -> None:
        """Looks through all that waits, if it has changed, or the machines, or what is known of them."""
        room = self._room()
        held = [place for place in self._held.values() if place.machine in room.machines]
        full = not self._backlog.taken and len(held) >= room.workers
        seen = room, full, self._backlog.waiting, sum(map(len, self._lacking.values()))
        if seen != self._looked:
            self._looked = seen
            stuck = full and not any(map(self._begins_something, held))
            self._give_up([setting.id for setting in self._backlog.settings_waiting()], stuck)

    def _give_up(self, setting_ids: Iterable[str], stuck: bool = False) -> None:
        """Those of them that can't be begun on any machine; all, if `stuck`: by no worker that there is room for."""
        machines = self._room().machines
        waiting = {setting.id: setting for setting in self._backlog.settings_waiting()}
        for sid in setting_ids:
            setting = waiting.get(sid)
            if setting and (stuck or machines <= self.barred(setting)):
                self._backlog.give_up(sid, self._line(setting, machines))
                self._given_up.append(sid)

    def _line(self, setting: Setting, machines: frozenset[str]) -> str:
        """Why no machine that is left can begin it: each reason, with the machines, and what to do."""
        lacking = [
            (place, unready)
            for need in self._needed(setting)
            for place, unready in self._lacking.get(need, {}).items()
            if place.machine in machines
        ]
        reasons, path = _reasons(lacking), f"model.path={setting.model.path!r}"
        of_all = all(unready.part == "packages" for _, unready in lacking)
        subject = "" if of_all or path in reasons else f"{path}: "
        return f"{subject}{reasons}; no machine that is left can begin it: {REMEDY}"


def _reasons(lacking: Iterable[tuple[Place, Unready]]) -> str:
    names: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for place, unready in lacking:
        names[unready.line][place.name] = None
    return "; ".join(f"{line} (on {listed(list(own))})" for line, own in names.items())


def listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if names[NAMED:] else ""
    return f"{', '.join(names[:NAMED])}{more}"
