"""A trial of Ray Tune: slices of one setting, each step one more of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from axon.faults import context_is_dead
from pipeline.errors import fault_line
from pipeline.importing import importing_models
from pipeline.planning.assignment import Assignment
from pipeline.sandbox import Require
from pipeline.storage.store import Store, StoreFull

from ray import tune  # isort: skip  # sweep.py imports cluster.py first

# The keys of a trial's config. KEPT: it goes to a worker that is there already.
ASSIGNMENT, SETTING, KEPT = "assignment", "setting", "kept"


@dataclass(frozen=True)
class WorkerSettings:
    """What every worker is told once."""

    store: str
    limit: int
    batch_size: int | None
    threads: int
    require: Require  # of the sandbox
    cores_only: bool = False  # it may use no GPU, even if one is in sight


class SliceTrial(tune.Trainable):
    """Its worker keeps the loaded model for the next trial.

    Every result has as `totals` the sums over the trial's slices that are finished by then. A setting that fails
    ends its trial with `error` and spares the worker; a store in which nothing can be kept ends it with `full`.
    `notes` are lines for the user.
    """

    def setup(self, config: dict[str, Any], worker: WorkerSettings | None = None) -> None:
        assert worker is not None, "tune.with_parameters hands it over"
        with importing_models():  # here alone: whoever hands out settings needs neither torch nor a model
            import torch

            from pipeline.evaluation.evaluate import Evaluator

        torch.set_num_threads(worker.threads)
        self._worker = worker
        self._store = Store(worker.store)
        self._notes: list[str] = []
        self._evaluator = Evaluator(
            worker.batch_size, worker.require, say=self._notes.append, cores_only=worker.cores_only
        )
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        assignment: Assignment = new_config[ASSIGNMENT]
        self._left = len(assignment.slices)
        self._slices = assignment.evaluated(self._evaluator, self._store, self._worker.limit)
        return True

    def step(self) -> dict[str, Any]:
        try:
            totals = next(self._slices)
        except StoreFull as error:
            return {"full": str(error), "done": True}
        except Exception as error:
            if context_is_dead(error):
                raise  # Tune ends this worker with its trial, and what is missing is tried again by another
            return {"error": fault_line(error), "notes": self._told(), "done": True}
        self._left -= 1
        return {"totals": totals, "notes": self._told(), "done": not self._left}

    def _told(self) -> list[str]:
        """What the evaluator has said since the last result."""
        told = list(self._notes)
        self._notes.clear()
        return told
