"""Settings spread over workers by Ray Tune.

A trial is an assignment: slices of one setting, each step some more of them. A worker keeps its loaded model from trial
to trial, and a setting with many slices is shared by several workers.
Results go straight to the store, so nothing is lost with the process that asked for them.

What is evaluated next is suggested by our search, through Tune's own interfaces (tune_search.py). What a
lost worker left undone is suggested again as a new trial: Tune's own max_failures counts the failures of a trial and
not of a slice, and with it Tune forgets a trial whose worker is lost while it is handed its next setting.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

from axon.faults import CUDA_ERROR
from pipeline.errors import ConfigError
from pipeline.inputs.config import ClusterSettings, Config
from pipeline.jobs.display import Display
from pipeline.planning.assignment import Assignment
from pipeline.planning.backlog import Backlog
from pipeline.stop import Lost, Request
from pipeline.storage.store import StoreFull
from pipeline.storage.totals import Totals
from pipeline.workers.aside import Aside
from pipeline.workers.capacity import need_of
from pipeline.workers.cluster import Ground, ray_for
from pipeline.workers.early import early_workers, inherited
from pipeline.workers.import_fault import import_fault
from pipeline.workers.private_ray import skip_tags
from pipeline.workers.stall import Stall
from pipeline.workers.trial import ASSIGNMENT, KEPT, SETTING, SliceTrial, WorkerSettings
from pipeline.workers.tune_search import (
    BacklogSearch,
    Cores,
    FreeWorkerScheduler,
    plain_workers,
    trial_class_read_once,
)

from ray import tune  # isort: skip  # after cluster.py, which says what Ray reads when it is imported

skip_tags()

TICK = 0.2  # seconds between two looks at the user's wishes and at Ray's health
PATIENCE = 10.0  # seconds that a step of Tune may take to end
LATE = 0.5  # seconds by which a signal may reach this process later than Ray's


class Watch(tune.Callback):
    """Reports results to the display and lost workers to the backlog, and stops Tune when the user asks."""

    def __init__(
        self,
        backlog: Backlog,
        display: Display,
        request: Request,
        aside: Aside,
        stall: Stall | None = None,
        one_machine: bool = False,
    ) -> None:
        self._one_machine = one_machine  # on which all workers are
        self._unusable: str | None = None  # why no worker can be had
        self._backlog, self._display, self._request, self._aside = backlog, display, request, aside
        self._stall = stall
        self._full: str | None = None
        self._running: set[str] = set()  # trials that have a worker, set aside or not
        self._begun: set[str] = set()  # trials that a worker has taken up

    def check(self) -> None:
        """Raises what ends the sweep: the user's wish, a store in which nothing more can be kept, or that no worker can
        import what it needs."""
        self._request.check()
        if self._unusable:
            raise Lost(self._unusable)
        if self._full:
            raise StoreFull(self._full)

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self.check()
        if self._stall:
            waits = self._backlog.taken > 0 and all(map(self._aside.holds, self._running))
            if line := self._stall.line(waits):
                self._display.note(line)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._begun.add(trial.trial_id)
        self._running.add(trial.trial_id)
        self._display.started()

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._running.discard(trial.trial_id)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        self._full = self._full or result.get("full")
        for line in result.get("notes", ()):
            self._display.note(line)
        if isinstance(result.get("totals"), Totals):
            self._display.evaluated(trial.config[ASSIGNMENT], result["totals"])
            for line in self._aside.begun(result["place"], trial.config[ASSIGNMENT].setting):
                self._display.note(line)
        given_up = self._aside.given_up()
        if (unready := result.get("unready")) and unready.line and not given_up:
            setting = trial.config[ASSIGNMENT].setting
            self._display.status(f"{unready.place.name} can't begin {setting}; trying it elsewhere")
        for sid in [trial.config[SETTING]] * ("error" in result) + given_up:
            self._display.failed(sid)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._running.discard(trial.trial_id)
        if self._aside.holds(trial.trial_id):  # what it couldn't begin has gone back
            return self._aside.released(trial.trial_id)
        sid = trial.config[SETTING]
        error = Path(trial.error_file).read_text() if trial.error_file else ""
        assignment: Assignment = trial.config[ASSIGNMENT]
        # A worker that was kept can have died while it had nothing to do.
        begun = trial.trial_id in self._begun or not trial.config[KEPT]
        totals = self._backlog.lost(assignment, why_lost(error), begun)
        self._display.evaluated(assignment, totals, ended=True)
        if sid in self._backlog.failures:
            self._display.failed(sid)
        else:
            fault = import_fault(error)
            if fault and self._one_machine:
                self._unusable = fault
                return
            why = f" ({fault})" if fault else ""
            self._display.status(f"a worker was lost{why}; trying again what is missing")


def run_sweep(backlog: Backlog, config: Config, store: str, display: Display) -> None:
    """Works the backlog off.

    Raises ConfigError if Ray can't be started or joined, if no machine has room for a worker, or if the search asks
    for a setting that can't be evaluated; KeyboardInterrupt (Terminated after SIGTERM) and StoreFull once Ray has been
    shut down; Lost if Ray itself has died.
    """
    worker = worker_settings(config, store)
    request = Request()
    early = early_workers(config.cluster, backlog.waiting, worker.threads)
    taken = plain_workers() if config.cluster.address is None else nullcontext()
    with request.awaited(), inherited(early), taken, ray_for(config.cluster, display) as ground:
        request.listen()  # Ray has just taken SIGTERM
        request.check()
        while not backlog.over:
            aside = Aside(backlog, lambda: ground.room)
            one_machine = config.cluster.address is None
            watch = Watch(backlog, display, request, aside, Stall(aside, ground.full), one_machine)
            _attended(
                partial(_trials, backlog, worker, config.cluster, ground, watch, aside), ground, request
            )
            watch.check()
            backlog.reclaim("Ray Tune ended without it")


def worker_settings(config: Config, store: str) -> WorkerSettings:
    """What every worker of the sweep is told. Raises ConfigError as `need_of`."""
    need = need_of(config.cluster)
    return WorkerSettings(
        store,
        config.limit,
        config.batch_size,
        max(1, int(config.cluster.cpus_per_worker)),
        config.sandbox.require,
        cores_only=not need.gpus,
        sharing=need.sharing,
        may_wait=config.cluster.address is not None,
    )


def _trials(
    backlog: Backlog,
    worker: WorkerSettings,
    cluster: ClusterSettings,
    ground: Ground,
    watch: Watch,
    aside: Aside,
) -> None:
    """One run of Tune: trials until the backlog is over."""

    def room() -> int:
        most = ground.room.workers
        return min(most - aside.count, cluster.workers or most)

    need = need_of(cluster)
    search = BacklogSearch(backlog, room, aside)
    with trial_class_read_once():
        tune.run(
            tune.with_parameters(SliceTrial, worker=worker),
            name="sweep",
            search_alg=search,
            scheduler=FreeWorkerScheduler(search),
            num_samples=-1,
            resources_per_trial=Cores.of(need),
            storage_path=ground.scratch,
            verbose=0,
            reuse_actors=True,
            max_failures=0,
            raise_on_failed_trial=False,
            callbacks=[watch],
            trial_name_creator=lambda trial: trial.config[SETTING],
            trial_dirname_creator=lambda trial: f"{trial.config[SETTING]}-{trial.trial_id}",
        )


def _attended(trials: Callable[[], None], ground: Ground, request: Request) -> None:
    """Runs the trials in a thread: a call to a Ray that has died never returns, and that must be noticed."""
    outcome: list[BaseException] = []

    def run() -> None:
        try:
            trials()
        except BaseException as error:
            outcome.append(error)

    thread = Thread(target=run, name="tune", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(TICK)
        if request.made:
            thread.join(PATIENCE)
            ground.lost |= thread.is_alive()  # Ray doesn't answer it
            raise request.made
        try:
            ground.check()
        except Lost:
            _check_late(request)
            raise
    for error in outcome:
        if isinstance(error, Exception) and not isinstance(error, (StoreFull, ConfigError, Lost)):
            _check_late(request)
            raise Lost(f"Ray Tune has failed ({type(error).__name__}: {_last_line(str(error))})") from error
        raise error


def _check_late(request: Request) -> None:
    """Raises the wish to stop, if there is one: a signal to the whole group may end Ray before it gets to us."""
    until = monotonic() + LATE
    while not request.made and monotonic() < until:
        sleep(0.01)
    request.check()


def why_lost(error: str) -> str:
    """What Ray knows of a worker's end, in a line."""
    if detail := re.search(
        r"Worker exit detail: (.+?)(?: Some common causes include|$)", error, re.MULTILINE
    ):
        return detail[1].strip()
    if failed := re.search(rf"^\S+: {CUDA_ERROR}.*$", error, re.MULTILINE):
        return failed[0]  # advice on how to find its cause comes after it
    return _last_line(error) or "its worker died"


def _last_line(text: str) -> str:
    """Of a traceback the line that says what happened."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
