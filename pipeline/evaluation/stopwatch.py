"""The seconds that each part of a decode takes; the library itself has no clock."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch


@dataclass(frozen=True)
class RowSeconds:
    """Of one row. Its share of a part is the part's time in each of its steps, divided by the rows of that step."""

    model: float
    capture: float
    select: float
    in_batch: float  # by the clock, from the step with which it entered until it left
    to_first_block: float  # the same until its first block was full


@dataclass(slots=True)
class _Step:
    """One step of the batch."""

    begun: float
    rows: int
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))  # of each part


class Stopwatch:
    """Given to `axon.decode`, which enters it around each part of a step.

    A GPU goes on working after a call has returned. There a part lasts from an event before its first kernel to one
    after its last, both in the GPU's own queue, so that nothing waits for the clock. That includes what the GPU waited
    for the host within the part, and not what it did before or after it.
    """

    def __init__(self, device: torch.device) -> None:
        self.entered: Counter[str] = Counter()  # how often each part was: "model" once per step of the batch
        self._steps: list[_Step] = []
        self._rows = 1  # of the steps to come
        self._stopped = 0.0  # seconds that are nobody's
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._device = device
        self._open: deque[tuple[str, _Step, Any, Any]] = (
            deque()
        )  # parts whose end the GPU may not have reached

    def begin(self, rows: int, columns: int) -> None:
        """From now on each step has so many rows: `on_batch` of `axon.decoding.stream`."""
        self._rows = rows

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """What happens within takes no row any time."""
        start = perf_counter()
        try:
            yield
        finally:
            self._stopped += perf_counter() - start

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self.entered[name] += 1
        start = perf_counter()
        if name == "model":
            self._steps.append(_Step(start - self._stopped, self._rows))
        step, begin = self._steps[-1], self._event()
        try:
            yield
        finally:
            if begin is None:
                self._add(name, step, perf_counter() - start)
            else:
                self._open.append((name, step, begin, self._event()))
                self._read(wait=False)

    @property
    def seconds(self) -> Mapping[str, float]:
        """Of each part so far; 0 for one that was never entered. Waits for the GPU."""
        self._read(wait=True)
        return self._seconds

    def of_row(self, steps: int, steps_to_first_block: int) -> RowSeconds:
        """Of a row that has just left the batch after so many steps.

        When a step begins, and when a row has left, the sampler has waited for the step before.
        """
        self._read(wait=True)
        own = self._steps[len(self._steps) - steps :]
        begun = [*(step.begun for step in own), perf_counter() - self._stopped]
        model, capture, select = (
            sum(step.seconds[name] / step.rows for step in own) for name in ("model", "capture", "select")
        )
        in_batch, to_first_block = begun[-1] - begun[0], begun[steps_to_first_block] - begun[0]
        return RowSeconds(model, capture, select, in_batch, to_first_block)

    def _add(self, name: str, step: _Step, seconds: float) -> None:
        self._seconds[name] += seconds
        step.seconds[name] += seconds

    def _event(self) -> Any:
        if self._device.type != "cuda":
            return None
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event

    def _read(self, wait: bool) -> None:
        """Adds up the parts that the GPU has finished, or all of them."""
        while self._open and (wait or self._open[0][3].query()):
            name, step, begin, end = self._open.popleft()
            end.synchronize()
            self._add(name, step, begin.elapsed_time(end) / 1000)  # milliseconds


def synchronize(device: torch.device) -> None:
    """Waits until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
