"""Settings spread over workers by Ray Tune, and the one file that imports Ray.

A trial is a setting, each step one more slice of its examples; a worker keeps its loaded model from trial to trial.
Results go straight to the store, so nothing is lost with the process that asked for them.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

# Ray reads these when it is imported. It is to be seen only where it fails.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # ours stops at once: what is finished is in the store already
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
}
os.environ.update(QUIET)

import ray  # noqa: E402
import torch  # noqa: E402
from ray import tune  # noqa: E402

from pipeline.checkpoint import REPOSITORY  # noqa: E402
from pipeline.complaint import ConfigError  # noqa: E402
from pipeline.config import ClusterSettings  # noqa: E402
from pipeline.evaluate import Evaluator  # noqa: E402
from pipeline.plan import Setting  # noqa: E402
from pipeline.progress import Progress, Tally, tally  # noqa: E402
from pipeline.sandbox import Require  # noqa: E402
from pipeline.scratch import scratch_folder  # noqa: E402
from pipeline.store import Range, Store, StoreFull  # noqa: E402

OBJECT_STORE_BYTES = 100 * 2**20  # settings and tallies are all that passes through it
START_ATTEMPTS = 3
UNSHIPPED = ["outputs", ".git", ".venv", "tests", "**/__pycache__"]


@dataclass(frozen=True)
class Work:
    """What every worker is told once."""

    settings: Mapping[str, Setting]
    pending: Mapping[str, list[Range]]
    store: str
    batch_size: int
    threads: int
    require: Require  # of the sandbox


class SliceTrial(tune.Trainable):
    """One setting as a Tune trial. A setting that fails ends its trial with the error and spares the worker."""

    def setup(self, config: dict[str, Any], work: Work | None = None) -> None:
        assert work is not None, "tune.with_parameters hands it over"
        torch.set_num_threads(work.threads)
        self._work = work
        self._store = Store(work.store)
        self._evaluator = Evaluator(work.batch_size, work.require)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._setting = self._work.settings[new_config["setting"]]
        self._slices = list(self._work.pending[self._setting.id])
        return True

    def step(self) -> dict[str, Any]:
        start, stop = self._slices.pop(0)
        try:
            records = self._evaluator.slice(self._setting, start, stop)
            self._store.write_slice(self._setting.id, start, stop, records)
        except StoreFull as error:
            return {"full": str(error), "done": True}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}", "done": True}
        return {"tally": tally(records), "done": not self._slices}


class Watch(tune.Callback):
    """Passes results on to the display, notes failures, and stops everything when the user asks."""

    def __init__(self, progress: Progress, interrupted: Interrupt) -> None:
        self.failures: dict[str, str] = {}
        self._full: str | None = None
        self._progress, self._interrupted = progress, interrupted

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._interrupted.check()
        if self._full:  # whatever else is decoded could not be kept
            raise StoreFull(self._full)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        setting_id = trial.config["setting"]
        self._full = self._full or result.get("full")
        if result.get("error"):
            self._fail(setting_id, result["error"])
        elif isinstance(result.get("tally"), Tally):
            self._progress.slice(setting_id, result["tally"])

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        error = trial.get_pickled_error() or "its worker died"
        self._fail(trial.config["setting"], str(error))

    def _fail(self, setting_id: str, error: str) -> None:
        self.failures[setting_id] = next(line for line in reversed(error.splitlines()) if line.strip())
        self._progress.failed(setting_id)


class Interrupt:
    """Ctrl-C as a flag that is looked at between two steps of Tune, where stopping is safe."""

    def __init__(self, progress: Progress) -> None:
        self._asked = False
        self._progress = progress

    def check(self) -> None:
        if self._asked:
            raise KeyboardInterrupt

    @contextmanager
    def caught(self) -> Iterator[None]:
        previous = signal.signal(signal.SIGINT, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self._asked:
            self._asked = True
            self._progress.status("stopping; finished slices are kept")


def run_sweep(work: Work, cluster: ClusterSettings, progress: Progress) -> dict[str, str]:
    """Evaluates what is pending; returns the settings that failed, each with its error in a line.

    Raises KeyboardInterrupt on Ctrl-C, and StoreFull where nothing more can be stored, once Ray has been shut down.
    """
    interrupt = Interrupt(progress)
    with interrupt.caught(), _ray(cluster, progress) as scratch:
        interrupt.check()
        watch = Watch(progress, interrupt)
        workers = _workers(cluster, len(work.pending))
        progress.status(f"{workers} workers are loading the model" if workers > 1 else "loading the model")
        tune.run(
            tune.with_parameters(SliceTrial, work=work),
            name="sweep",
            config={"setting": tune.grid_search(list(work.pending))},
            resources_per_trial={"cpu": cluster.cpus_per_worker, "gpu": _gpus_per_worker(cluster)},
            storage_path=scratch,
            verbose=0,
            reuse_actors=True,
            max_failures=0,
            raise_on_failed_trial=False,
            callbacks=[watch],
            max_concurrent_trials=workers,
            trial_name_creator=lambda trial: trial.config["setting"],
            trial_dirname_creator=lambda trial: trial.config["setting"],
        )
        return watch.failures


def _gpus_per_worker(cluster: ClusterSettings) -> float:
    if cluster.gpus_per_worker is not None:
        return cluster.gpus_per_worker
    return 1.0 if torch.cuda.is_available() else 0.0


def _workers(cluster: ClusterSettings, settings: int) -> int:
    """How many trials run at once: what the machines have room for, or what the user says."""
    have: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    room = have.get("CPU", 1.0) / cluster.cpus_per_worker
    if gpus := _gpus_per_worker(cluster):
        room = min(room, have.get("GPU", 0.0) / gpus)
    return max(1, min(settings, cluster.workers or int(room)))


@contextmanager
def _ray(cluster: ClusterSettings, progress: Progress) -> Iterator[str]:
    """Ray, started or joined, with a scratch folder for its files; both gone afterwards."""
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"ray\.")
    with scratch_folder() as scratch:
        try:
            if cluster.address is None:
                progress.status("starting Ray")
                _start(cluster, scratch)
            else:
                progress.status(f"joining Ray at {cluster.address}")
                _join(cluster.address)
            yield scratch
        finally:
            ray.shutdown()


def _start(cluster: ClusterSettings, scratch: str) -> None:
    """A private Ray. It gives itself 30 seconds, which a busy machine may not have: so it is tried more than once.

    Raises ConfigError where it can't be started. What a failed attempt leaves running ends with this process.
    """
    cores = math.ceil(cluster.workers * cluster.cpus_per_worker) if cluster.workers else os.cpu_count()
    reason = ""
    for attempt in range(START_ATTEMPTS):
        try:
            ray.init(
                num_cpus=cores,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                object_store_memory=OBJECT_STORE_BYTES,
                _temp_dir=f"{scratch}/{attempt}",
            )
            return
        except Exception as error:  # Ray raises a bare Exception when its node is late
            ray.shutdown()
            reason = str(error).strip().splitlines()[0]
    raise ConfigError(
        [f"cluster.address=null: Ray did not start here ({reason}); free some cores, and try again"]
    )


def _join(address: str) -> None:
    """Raises ConfigError where there is no cluster to join."""
    code = {"working_dir": str(REPOSITORY), "excludes": UNSHIPPED}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, runtime_env=code)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        line = f"cluster.address={address!r}: can't be joined ({reason}); start Ray there, or choose cluster=local"
        raise ConfigError([line]) from None
