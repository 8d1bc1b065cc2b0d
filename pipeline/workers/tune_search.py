"""The open plan in Ray Tune's terms: a search that suggests what the backlog hands out, and who gets a suggestion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.inputs.config import ModelSettings
from pipeline.planning.assignment import Assignment
from pipeline.planning.backlog import Backlog
from pipeline.workers.trial import ASSIGNMENT, SETTING

from ray.tune.experiment import Trial  # isort: skip  # sweep.py imports cluster.py first
from ray.tune.schedulers import FIFOScheduler  # isort: skip
from ray.tune.search import Searcher  # isort: skip


class BacklogSearch(Searcher):
    """Every assignment is a trial; what a lost worker left undone is suggested again as a new one.

    `room` says how many workers there may be at the moment, so that a cluster which grows gets more of them.
    """

    def __init__(self, backlog: Backlog, room: Callable[[], int]) -> None:
        super().__init__()
        self._backlog, self._room = backlog, room
        self._assigned: dict[str, Assignment] = {}  # by trial
        # Loaded by the worker that has nothing to do. Tune keeps one such worker and ends any others.
        self._free: ModelSettings | None = None

    def suggest(self, trial_id: str) -> Any:
        """The config of the next trial; None while there is no room or outcomes are awaited; FINISHED at the end."""
        room = self._room()
        if self._backlog.taken >= room:
            return None
        assignment = self._backlog.take(self._free, room)
        if assignment is None:
            return self.FINISHED if self._backlog.over else None
        self._free = None  # Tune hands the trial to the free worker, and starts one if there is none
        self._assigned[trial_id] = assignment
        return {SETTING: assignment.setting.id, ASSIGNMENT: assignment}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """With `error` the worker was lost: Tune's callbacks, called next, know why (see `sweep.Watch`)."""
        assignment = self._assigned.pop(trial_id)
        if error:
            return
        self._free = self._free or assignment.setting.model
        if result and (line := result.get("error")):
            self._backlog.failed(assignment, line)
        else:
            self._backlog.finished(assignment)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the store is the only state, and a search is replayed from it."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, as with `save`."""


class FreeWorkerScheduler(FIFOScheduler):
    """A free worker gets what was suggested for it.

    Tune's own order would give it the oldest trial that has not begun, and end the worker that is still starting for
    that trial: with trials that are shorter than a start, one worker would do everything.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        trials: list[Trial] = tune_controller.get_trials()
        return next((trial for trial in reversed(trials) if trial.status == Trial.PENDING), None)
