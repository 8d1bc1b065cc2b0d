"""The seconds that each part of a decode takes; the library itself has no clock."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch


class Stopwatch:
    """Given to `axon.decode`, which enters it around each part of a step.

    A GPU goes on working after a call has returned. There a part lasts from an event before its first kernel to one
    after its last, both in the GPU's own queue, so that nothing waits for the clock. That includes what the GPU waited
    for the host within the part, and not what it did before or after it.
    """

    def __init__(self, device: torch.device) -> None:
        self.entered: Counter[str] = Counter()  # how often each part was: "model" once per step of the batch
        self._begun: list[float] = []  # when each step of the batch began
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._device = device
        self._open: deque[tuple[str, Any, Any]] = deque()  # parts whose end the GPU may not have reached

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self.entered[name] += 1
        start = perf_counter()
        if name == "model":
            self._begun.append(start)
        begin = self._event()
        try:
            yield
        finally:
            if begin is None:
                self._seconds[name] += perf_counter() - start
            else:
                self._open.append((name, begin, self._event()))
                self._read(wait=False)

    @property
    def seconds(self) -> Mapping[str, float]:
        """Of each part so far; 0 for one that was never entered. Waits for the GPU."""
        self._read(wait=True)
        return self._seconds

    def of_row(self, steps: int, steps_to_first_block: int) -> tuple[float, float]:
        """Of a row that has just left the batch after so many steps: seconds in it, and until its first block was full.

        By the wall clock: when a step begins, the sampler has waited for the one before it.
        """
        begun = [*self._begun[len(self._begun) - steps :], perf_counter()]
        return begun[-1] - begun[0], begun[steps_to_first_block] - begun[0]

    def _event(self) -> Any:
        if self._device.type != "cuda":
            return None
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event

    def _read(self, wait: bool) -> None:
        """Adds up the parts that the GPU has finished, or all of them."""
        while self._open and (wait or self._open[0][2].query()):
            name, begin, end = self._open.popleft()
            end.synchronize()
            self._seconds[name] += begin.elapsed_time(end) / 1000  # milliseconds


def synchronize(device: torch.device) -> None:
    """Waits until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
