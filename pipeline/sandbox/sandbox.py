"""The sandbox: the strongest isolation available on this machine, and a few warm workers that run the programs."""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
from collections.abc import Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any, Literal

from pipeline.errors import ConfigError, one_of
from pipeline.sandbox.jail.execution import Execution, Limits, Outcome
from pipeline.sandbox.worker import Worker, WorkerError

# Strongest first. With bubblewrap a program sees a /proc, and the total size of its files is not bounded.
LEVELS = ("namespaces", "bubblewrap", "process")
ISOLATED = LEVELS[:2]
ALLOW = "allow user namespaces (in a container: docker run --privileged)"
REMEDIES = {  # by the last level tried
    "namespaces": ALLOW,
    "bubblewrap": f"{ALLOW}, or install bubblewrap (not for root), "
    "or accept plain processes, which can read files: sandbox.require=process",
    "process": f"{ALLOW}, or be a user other than root",
}
PROBE = Execution("import math\nassert math.sqrt(4) == 2")
Require = Literal["isolated", "process"]  # the weakest isolation that is accepted

_starting = threading.Lock()


def shared_sandbox(require: Require) -> Sandbox:
    """The one sandbox of this process, started on first use and closed when the process ends.

    Raises ConfigError, one line, if the machine does not offer what is required.
    """
    with _starting:
        return _started(require)


@lru_cache
def _started(require: Require) -> Sandbox:
    sandbox = Sandbox(require)
    atexit.register(sandbox.close)
    return sandbox


class Sandbox:
    """Runs programs from any thread, `workers` at a time. Keeps no state outside itself; close it, or use `with`.

    Uses the strongest level that works, a plain process only if the user accepts one (`require="process"`); `level`
    asks for a particular level instead. Raises ConfigError, one line, if none works.
    """

    def __init__(
        self,
        require: Require = "isolated",
        workers: int | None = None,
        limits: Limits | None = None,
        level: str | None = None,
    ) -> None:
        if sys.platform != "linux":
            line = f"sandbox.require={require!r}: answers are programs, and these run on Linux only, not {sys.platform}"
            raise ConfigError([f"{line}; run it there or in a container, or choose another task"])
        self.limits = limits or Limits()
        self.workers = workers or len(os.sched_getaffinity(0))
        self._idle: list[Worker] = []
        self._lock = threading.Lock()
        self._free = threading.Semaphore(self.workers)
        self._closed = False
        if level is not None and level not in LEVELS:
            raise ConfigError([f"sandbox.level={level!r}: unknown; {one_of(LEVELS)}"])
        if level:
            self.level, self.witnessed = self._strongest(f"sandbox.level={level!r}", (level,))
        else:
            levels = LEVELS if require == "process" else ISOLATED
            self.level, self.witnessed = self._strongest(f"sandbox.require={require!r}", levels)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()

    def run(self, program: str, tests: str = "") -> Outcome:
        """Runs a script and then its tests, which see the script's names: passed if the end of the tests is reached.

        Raises WorkerError, as does `outcomes`, if the sandbox itself fails twice: the outcome is unknown.
        """
        return self._ask(Execution(program, tests, limits=self.limits))

    def outcomes(self, program: str, inputs: list[list[Any]], name: str = "f") -> list[Any] | None:
        """What the program's function returns for each input; None if it fails in any way or runs too long."""
        outcome = self._ask(Execution(program, inputs=inputs, name=name, limits=self.limits))
        if outcome.values is None:
            return None
        try:
            values = json.loads(outcome.values)
        except (ValueError, RecursionError):
            return None  # the program wrote something itself
        return values if isinstance(values, list) and len(values) == len(inputs) else None

    def _strongest(self, asked: str, levels: Sequence[str]) -> tuple[str, bool]:
        """The first level that runs a program, and whether the kernel confirms its end; its worker is kept."""
        tried = []
        for level in levels:
            try:
                worker = Worker(level)
            except WorkerError as error:
                tried.append(str(error))
                continue
            try:
                outcome = worker.ask(PROBE)
            except WorkerError as error:
                worker.close()
                tried.append(str(error))
                continue
            if outcome.passed:
                self._give_back(worker)
                return level, outcome.witnessed
            worker.close()
            tried.append(outcome.reason)
        rule = "answers are programs, and this machine can't run them at that level"
        raise ConfigError([f"{asked}: {rule} ({'; '.join(tried)}); {REMEDIES[levels[-1]]}"])

    def _ask(self, execution: Execution) -> Outcome:
        """If a worker is dead or fails, it is discarded and a new one gets the same request once more."""
        with self._free:
            for fresh in (False, True):
                worker = self._take(fresh)
                try:
                    outcome = worker.ask(execution)
                except WorkerError:
                    worker.close()
                    if fresh:
                        raise
                    continue
                except (
                    BaseException
                ):  # interrupted: its reply is still to come and must not reach the next request
                    worker.close()
                    raise
                self._give_back(worker)
                return outcome
            raise AssertionError("the second try returns or raises")

    def _take(self, fresh: bool) -> Worker:
        with self._lock:
            if self._closed:
                raise RuntimeError("the sandbox is closed")
            dead = [worker for worker in self._idle if not worker.alive()]
            self._idle = [worker for worker in self._idle if worker not in dead]
            found = self._idle.pop() if self._idle and not fresh else None
        for worker in dead:
            worker.close()
        return found or Worker(self.level)

    def _give_back(self, worker: Worker) -> None:
        if worker.single:
            worker.close()
            return
        with self._lock:
            if not self._closed:
                self._idle.append(worker)
                return
        worker.close()
