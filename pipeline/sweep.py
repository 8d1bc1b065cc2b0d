"""Settings spread over workers by Ray Tune.

A trial is a setting, each step one more slice of its examples; a worker keeps its loaded model from trial to trial.
Results go straight to the store, so nothing is lost with the process that asked for them. Settings that lost their
worker get further rounds, of what the store still lacks: Tune's own max_failures counts a trial's failures and not
a slice's, and forgets a trial whose worker is lost while it is handed its next setting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import torch

from pipeline.capacity import need_of
from pipeline.cluster import Ground, ray_for
from pipeline.config import ClusterSettings
from pipeline.display import Display
from pipeline.evaluate import Evaluator
from pipeline.retry import Losses
from pipeline.sandbox import Require
from pipeline.setting import Setting
from pipeline.stop import Lost, Request
from pipeline.store import Span, Store, StoreFull
from pipeline.totals import Totals, stored_totals, totals_of

from ray import tune  # isort: skip  # after cluster.py, which says what Ray reads when it is imported

TICK = 0.2  # seconds between two looks at the user's wishes and at Ray's health
PATIENCE = 10.0  # seconds that a step of Tune may take to end


@dataclass(frozen=True)
class Work:
    """What every worker is told once."""

    settings: Mapping[str, Setting]
    pending: Mapping[str, list[Span]]
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
        return {"totals": totals_of(records), "done": not self._slices}


class Watch(tune.Callback):
    """Steps results on to the display, notes failures and lost workers, and stops Tune when the user asks."""

    def __init__(self, display: Display, request: Request) -> None:
        self.failures: dict[str, str] = {}
        self.lost: dict[str, str] = {}  # settings whose worker was lost: what is known of it
        self._full: str | None = None
        self._display, self._request = display, request

    def check(self) -> None:
        """Raises what ends the sweep: the user's wish, or a store in which nothing more can be kept."""
        self._request.check()
        if self._full:
            raise StoreFull(self._full)

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self.check()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._display.started()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        setting_id = trial.config["setting"]
        self._full = self._full or result.get("full")
        if result.get("error"):
            self.failures[setting_id] = last_line(result["error"])
            self._display.failed(setting_id)
        elif isinstance(result.get("totals"), Totals):
            self._display.slice(setting_id, result["totals"])

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        error = Path(trial.error_file).read_text() if trial.error_file else ""
        self.lost[trial.config["setting"]] = why_lost(error)


def run_sweep(work: Work, cluster: ClusterSettings, display: Display) -> dict[str, str]:
    """Evaluates what is pending; returns the settings that failed, each with its error in a line.

    Raises ConfigError where Ray can't be had or no machine has room for a worker, KeyboardInterrupt (Terminated after
    SIGTERM) and StoreFull once Ray has been shut down, and Lost where Ray itself has died.
    """
    request = Request()
    with request.awaited(), ray_for(cluster, display) as ground:
        request.listen()  # Ray has just taken SIGTERM
        request.check()
        failures: dict[str, str] = {}
        losses = Losses()
        while work.pending:
            watch = Watch(display, request)
            _attended(partial(_round, work, cluster, ground, watch), ground, request)
            watch.check()
            failures |= watch.failures
            work = replace(work, pending=_again(work, watch.lost, losses, display))
        return failures | losses.given_up


def _round(work: Work, cluster: ClusterSettings, ground: Ground, watch: Watch) -> None:
    """Every pending setting once, until it is done, fails or loses its worker."""
    need = need_of(cluster)
    tune.run(
        tune.with_parameters(SliceTrial, work=work),
        name="sweep",
        config={"setting": tune.grid_search(list(work.pending))},
        resources_per_trial={"cpu": need.cpus, "gpu": need.gpus},
        storage_path=ground.scratch,
        verbose=0,
        reuse_actors=True,
        max_failures=0,
        raise_on_failed_trial=False,
        callbacks=[watch],
        max_concurrent_trials=max(1, min(len(work.pending), cluster.workers or ground.room)),
        trial_name_creator=lambda trial: trial.config["setting"],
        trial_dirname_creator=lambda trial: trial.config["setting"],
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
            raise request.made
        ground.check()
    for error in outcome:
        if isinstance(error, Exception) and not isinstance(error, StoreFull):
            raise Lost(f"Ray Tune has failed ({type(error).__name__}: {last_line(str(error))})") from error
        raise error


def _again(work: Work, lost: Mapping[str, str], losses: Losses, display: Display) -> dict[str, list[Span]]:
    """What a further round tries, after the store has been asked what the lost workers left in it."""
    if not lost:
        return {}
    limit = max(stop for slices in work.pending.values() for _, stop in slices)
    contents = Store(work.store).load(lost, limit)
    for sid, done in stored_totals(contents.records).items():  # a last slice may be stored and not reported
        display.stored(sid, done)
    pending = losses.again(work.pending, lost, contents.covered)
    for sid in losses.given_up:
        display.failed(sid)
    if pending:
        display.status(f"workers were lost (settings: {len(pending)}); trying again what is missing")
    return pending


def why_lost(error: str) -> str:
    """What Ray knows of a worker's end, in a line."""
    if detail := re.search(
        r"Worker exit detail: (.+?)(?: Some common causes include|$)", error, re.MULTILINE
    ):
        return detail[1].strip()
    return last_line(error) or "its worker died"


def last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
