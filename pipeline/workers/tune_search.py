"""The open plan in Ray Tune's terms: a search that suggests what the backlog hands out, and who gets a suggestion."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache, partial
from typing import Any

from pipeline.inputs.config import ModelSettings
from pipeline.planning.assignment import Assignment
from pipeline.planning.backlog import Backlog
from pipeline.workers.aside import Aside, Place, Unready
from pipeline.workers.capacity import Need
from pipeline.workers.hand_over import MAKING, short_line, unasked
from pipeline.workers.private_ray import OF_A_TRIAL, change, changed
from pipeline.workers.trial import ASSIGNMENT, BARRED, KEPT, SETTING

import ray  # isort: skip  # sweep.py imports cluster.py first
from ray.tune import PlacementGroupFactory  # isort: skip
from ray.tune.experiment import Trial  # isort: skip
from ray.tune.schedulers import FIFOScheduler  # isort: skip
from ray.tune.search import Searcher  # isort: skip

CONTROLLER = "ray.tune.execution.tune_controller"
TRIAL = "ray.tune.experiment.trial"


def free_workers(tunes: Any) -> Any:
    """Tune's cache of workers without a trial, first in, first out, which keeps all of them until the sweep ends.

    Tune keeps as many as trials wait, and one. Between two of a search's questions none waits, so that all others would
    start anew, each importing torch and loading its model.
    """

    class FreeWorkers(tunes):  # type: ignore[misc]
        def cache_object(self, key: Any, obj: Any) -> bool:
            self._cached_objects[key].append(obj)
            self._num_cached_objects += 1
            return True

        def flush_cached_objects(self, force_all: bool = False) -> Generator[Any, None, None]:
            if force_all:
                yield from super().flush_cached_objects(force_all)

    return FreeWorkers


def unrecorded(controller: Any) -> Any:
    """Tune's loop without its record of the trials, from which alone it could go on: nobody reads it.

    It looks at each turn whether the record is due, and at the end writes and reads a state of every trial.
    """

    class Unrecorded(controller):  # type: ignore[misc]
        def checkpoint(self, *ignored: Any, **also: Any) -> None:
            pass

    return Unrecorded


change(CONTROLLER, "_ObjectCache", free_workers)
change("ray.tune.tune", "TuneController", unrecorded)
change("ray.tune.tune", "ExperimentAnalysis", lambda _: lambda *ignored, **also: None)  # it reads that record
change(MAKING, "Trial", unasked)
change(MAKING, "_to_argv", short_line)


class Cores(PlacementGroupFactory):
    """What each worker gets, the same object for all trials: Tune compares them ten times a trial, which takes long if
    they are copies.
    """

    @classmethod
    def of(cls, need: Need) -> Cores:
        return cls([{"CPU": need.cpus, "GPU": need.gpus}])

    def __deepcopy__(self, memo: object) -> Cores:
        return self  # nothing of it changes


class PlainWorkers:
    """Tune's remote classes without environment variables of their own, which workers of this machine inherit."""

    def __init__(self) -> None:
        self._remote: dict[Any, Any] = {}

    def get(self, trainable: Any) -> Any:
        if trainable not in self._remote:
            self._remote[trainable] = ray.remote(trainable)
        return self._remote[trainable]


def plain_workers() -> AbstractContextManager[None]:
    """Within, trials get the workers that Ray has started by itself (early.py), and none needs an agent to start."""
    return changed(*OF_A_TRIAL, lambda _: PlainWorkers)


@contextmanager
def trial_class_read_once() -> Iterator[None]:
    """Within, trials read their class from Ray's head once, not three times each while a worker waits for the next."""
    with ExitStack() as stack:
        stack.enter_context(changed(TRIAL, "get_trainable_cls", cache))
        stack.enter_context(changed(TRIAL, "validate_trainable", cache))
        yield


class BacklogSearch(Searcher):
    """Every assignment is a trial; what a lost worker left undone is suggested again as a new one.

    `room` says how many workers there may be at the moment, so that a cluster which grows gets more of them.
    """

    def __init__(self, backlog: Backlog, room: Callable[[], int], aside: Aside) -> None:
        super().__init__()
        self._backlog, self._room, self._aside = backlog, room, aside
        self._assigned: dict[str, Assignment] = {}  # by trial
        self._free: dict[Place, None] = {}  # workers, in the order of `free_workers`
        self._loaded: dict[Place, ModelSettings] = {}

    def suggest(self, trial_id: str) -> Any:
        """The config of the next trial; None while there is no room or outcomes are awaited; FINISHED at the end."""
        room = self._room()
        if self._backlog.taken >= room:
            return None
        place = next(iter(self._free), None)
        assignment = self._taken(place, room)
        if assignment is None:
            return self.FINISHED if self._backlog.over else None
        if place:  # Tune hands the trial to the first free worker, and starts one only if there is none
            del self._free[place]
        self._assigned[trial_id] = assignment
        barred = self._aside.barred(assignment.setting)
        return {
            SETTING: assignment.setting.id,
            ASSIGNMENT: assignment,
            KEPT: place is not None,
            BARRED: barred,
        }

    def _taken(self, place: Place | None, room: int) -> Assignment | None:
        """The next assignment, for a worker, or for one that starts somewhere."""
        if place is None:
            return self._backlog.take(None, room)
        return self._backlog.take(self._loaded.get(place), room, partial(self._aside.able, place))

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """With `error` the worker was lost: Tune's callbacks, called next, know why (see `sweep.Watch`)."""
        assignment = self._assigned.pop(trial_id)
        if error:
            return
        assert result is not None, "none is ended before it has begun"
        place: Place = result["place"]
        self._free[place] = None
        if self._aside.holds(trial_id):  # its assignment has gone back already
            self._aside.released(trial_id)
            return
        self._loaded[place] = assignment.setting.model
        if "error" in result:
            self._backlog.failed(assignment, result["error"])
        else:
            self._backlog.finished(assignment)

    def stays(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether a trial that has this result goes on by itself, or ends."""
        unready: Unready | None = result.get("unready")
        self._free.pop(
            result["place"], None
        )  # one that was free may get a trial that was meant for a new one
        if unready is None:
            return True
        if unready.line:
            self._loaded.pop(unready.place, None)
        return self._aside.waits(trial_id, self._assigned[trial_id], unready)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the store is the only state, and a search is replayed from it."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, as with `save`."""


class FreeWorkerScheduler(FIFOScheduler):
    """A free worker gets what was suggested for it: the first that is free the first such trial.

    Tune's own order would give it the oldest trial that has not begun, and end the worker that is still starting for
    that trial: with trials that are shorter than a start, one worker would do everything.
    """

    def __init__(self, search: BacklogSearch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._search = search
        self._handed: set[str] = set()  # trials for workers that were free

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        return str(self.CONTINUE if self._search.stays(trial.trial_id, result) else self.STOP)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        pending: list[Trial] = [t for t in tune_controller.get_trials() if t.status == Trial.PENDING]
        for trial in pending:
            if trial.config[KEPT] and trial.trial_id not in self._handed:
                self._handed.add(trial.trial_id)
                return trial
        return pending[-1] if pending else None
