"""A trial of Ray Tune: slices of one setting, each step some more of them."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

from axon.faults import context_is_dead
from axon.own_code import faulty_file
from pipeline.errors import fault_line
from pipeline.importing import importing_models
from pipeline.planning.assignment import Assignment
from pipeline.sandbox import Require
from pipeline.storage.store import Store, StoreFull
from pipeline.workers.aside import Place, Unready
from pipeline.workers.shared_store import await_setting

import ray  # isort: skip  # sweep.py imports cluster.py first
from ray import tune  # isort: skip

# The keys of a trial's config. KEPT: it goes to a worker that is there already.
# BARRED: the machines and workers where its setting can't be begun.
ASSIGNMENT, SETTING, KEPT, BARRED = "assignment", "setting", "kept", "barred"
STEP_SECONDS = 1.0  # a step answers after so long, with its next slice
STEP_WAYS = 50  # or after so many times the way to the sweep and back, in which a worker does nothing
MOST_SECONDS = 5.0  # but a user wants to see how far a sweep is


@dataclass(frozen=True)
class WorkerSettings:
    """What every worker is told once."""

    store: str
    limit: int
    batch_size: int | None
    threads: int
    require: Require  # of the sandbox
    cores_only: bool = False  # it may use no GPU, even if one is in sight
    sharing: int = 1  # so many workers are on each GPU
    may_wait: bool = False  # where a setting can't be begun; another machine may have what it needs
    launched_on: str = field(default_factory=platform.node)  # the machine


def _what_decodes() -> tuple[Any, Any]:
    """torch and the evaluator, imported here alone: whoever hands out settings needs neither torch nor a model."""
    try:
        with importing_models():
            import torch

            from pipeline.evaluation.evaluate import Evaluator
    except Exception as error:  # of a traceback the sweep tells the last line only
        raise RuntimeError(faulty_file(error) or fault_line(error)) from None
    return torch, Evaluator


class SliceTrial(tune.Trainable):
    """Its worker keeps the loaded model for the next trial.

    Every result has as `totals` the sums over the trial's slices that are finished by then, None before the first. A
    setting that fails ends its trial with `error` and spares the worker; a store in which nothing can be kept ends it
    with `full`. One that can't be begun has `unready`, again and again, until the sweep ends its trial (aside.py).
    `notes` are lines for the user, and `place` says which worker it is.
    """

    _waits: Unready | None  # what a step answers instead of evaluating

    def setup(self, config: dict[str, Any], worker: WorkerSettings | None = None) -> None:
        assert worker is not None, "tune.with_parameters hands it over"
        self._worker = worker
        self._store = Store(worker.store)
        self._shared = platform.node() == worker.launched_on  # whether the store is seen to be the sweep's
        self._notes: list[str] = []
        self._place = Place(ray.get_runtime_context().get_node_id(), os.getpid(), platform.node())
        self._evaluator: Any = None  # where a package is missing
        fault = None
        try:
            self._evaluator = self._made(*_what_decodes())
        except RuntimeError as error:
            if not worker.may_wait:
                raise
            fault = Unready(self._place, "packages", str(error))
        self.reset_config(config)
        if fault:
            self._waits = fault

    def _made(self, torch: Any, evaluator: Any) -> Any:
        torch.set_num_threads(self._worker.threads)
        return evaluator(
            self._worker.batch_size,
            self._worker.require,
            say=self._notes.append,
            cores_only=self._worker.cores_only,
            sharing=self._worker.sharing,
        )

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        assignment: Assignment = new_config[ASSIGNMENT]
        self._left = len(assignment.slices)
        barred = not new_config[BARRED].isdisjoint((self._place, self._place.machine))
        waits = barred or not self._evaluator
        self._waits = Unready(self._place) if waits else None
        self._answered: float | None = None  # when the last step of this trial ended
        if self._evaluator:
            self._evaluator.lacks = "store"
            self._slices = assignment.evaluated(self._evaluator, self._store, self._worker.limit)
        return True

    def get_auto_filled_metrics(self, *ignored: Any, **also: Any) -> dict[str, Any]:
        """None of what Tune adds to every result: times, of which it keeps statistics, and the whole setting again."""
        return {}

    def _setup_logdir(self) -> None:
        """No folder for each trial's own files, of which there are none."""

    def step(self) -> dict[str, Any]:
        """Slices of the trial, at least one, until `_until`."""
        if self._waits:
            sleep(0.0 if self._answered is None else STEP_SECONDS)
            self._answered = monotonic()
            unready, self._waits = self._waits, Unready(self._place)  # why is told once
            return {"unready": unready, "place": self._place, "done": False}
        totals, until = None, self._until()
        try:
            self._check_store()
            while totals is None or (self._left and monotonic() < until):
                totals = next(self._slices)
                self._left -= 1
            end: dict[str, Any] = {"done": not self._left}
        except StoreFull as error:
            end = {"full": str(error), "done": True}
        except Exception as error:
            if context_is_dead(error):
                raise  # Tune ends this worker with its trial, and what is missing is tried again by another
            if self._worker.may_wait and (lacks := self._evaluator.lacks):
                self._waits = Unready(self._place)
                end = {"unready": Unready(self._place, lacks, fault_line(error)), "done": False}
            else:
                end = {"error": self._fault(error), "done": True}
        self._answered = monotonic()
        return {"totals": totals, "notes": self._told(), "place": self._place} | end

    def _until(self) -> float:
        """When this step shall end, so that the way to the sweep and back is a small part of it.

        How long that takes is known from the step before; between trials a worker may have waited for something to do.
        """
        now = monotonic()
        way = 0.0 if self._answered is None else now - self._answered
        return now + min(max(STEP_SECONDS, STEP_WAYS * way), MOST_SECONDS)

    def _check_store(self) -> None:
        """Before the worker's first slice."""
        if not self._shared:
            await_setting(self._store.root, self.config[SETTING], self._worker.launched_on)
        self._shared = True

    def _fault(self, error: Exception) -> str:
        """The error in a line, with the machine, if that is another than where the sweep was launched and checked."""
        line, here = fault_line(error), platform.node()
        if here == self._worker.launched_on:
            return line
        return f"{line} (on {here}; every machine must reach the model and the store)"

    def _told(self) -> list[str]:
        """What the evaluator has said since the last result."""
        told = list(self._notes)
        self._notes.clear()
        return told
