"""Workers that are set aside, as what a setting needs isn't on their machine: the model, the task, the store.

Such a machine fails whatever it is handed, at once, so that it would be handed the whole sweep. A setting that a worker
can't even begin goes back, to be tried on another machine, and until that is settled the worker waits with its trial,
which keeps its cores, so that Ray starts no other there. If the setting can be begun elsewhere, the worker is set aside
for good. If it can't, or if there is no other machine, the setting fails, and its workers go on. So do they if nobody
has come to the setting for a while: the fault may be its own. Knows nothing of Ray.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from pipeline.planning.assignment import Assignment
from pipeline.planning.backlog import Backlog

UNSETTLED_SECONDS = 60.0  # so long a worker waits for another to come to its setting


@dataclass(frozen=True)
class Unready:
    """Why a worker couldn't begin its setting, and where it is."""

    machine: str  # Ray's id of it
    name: str
    line: str


class Aside:
    """`room`: for how many workers there is room, those that wait included, and on how many machines, at the moment."""

    def __init__(self, backlog: Backlog, room: Callable[[], tuple[int, int]]) -> None:
        self._backlog, self._room = backlog, room
        self._waiting: dict[str, tuple[Assignment, Unready]] = {}  # by trial
        self._since: dict[str, float] = {}  # by trial
        # On which machines a setting couldn't be begun.
        self._tried: defaultdict[str, set[str]] = defaultdict(set)
        self._good: set[str] = set()  # settings that were returned and that another worker has begun

    @property
    def count(self) -> int:
        """How many workers wait."""
        return len(self._waiting)

    def holds(self, trial: str) -> bool:
        return trial in self._waiting

    def waits(self, trial: str, assignment: Assignment, unready: Unready) -> bool:
        """Whether a worker that can't begin its setting shall wait, which is asked now and then.

        The first time its assignment goes back, if it shall. Otherwise its trial ends.
        """
        if trial not in self._waiting:
            if not self._elsewhere(assignment, unready):
                return False
            self._waiting[trial], self._since[trial] = (assignment, unready), monotonic()
            self._tried[assignment.setting.id].add(unready.machine)
            self._backlog.lost(assignment, unready.line, begun=False)
            return True
        sid = assignment.setting.id
        if self._backlog.over or sid in self._backlog.failures:
            return False
        settled = sid in self._good or monotonic() - self._since[trial] < UNSETTLED_SECONDS
        return settled and self._room()[0] > self.count

    def released(self, trial: str) -> None:
        """Its worker goes on, or is lost."""
        self._waiting.pop(trial, None)
        self._since.pop(trial, None)

    def begun(self, setting_id: str) -> list[str]:
        """A worker has evaluated something of the setting: a line for each that is set aside for it, the first time."""
        if setting_id in self._good:
            return []
        unready = [own for assignment, own in self._waiting.values() if assignment.setting.id == setting_id]
        if unready:
            self._good.add(setting_id)
        return list(dict.fromkeys(f"{own.name} is set aside: {own.line}" for own in unready))

    def _elsewhere(self, assignment: Assignment, unready: Unready) -> bool:
        """Whether another machine may begin it: one on which no worker waits, nor has it failed on a second."""
        if self._tried[assignment.setting.id] - {unready.machine}:
            return False
        room, machines = self._room()
        waiting = {own.machine for _, own in self._waiting.values()}
        return room > self.count + 1 and machines > len(waiting | {unready.machine})
