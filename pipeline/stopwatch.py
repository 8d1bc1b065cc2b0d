"""The seconds that each part of a decode takes; the library itself has no clock."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import torch


class Stopwatch:
    """Given to `axon.decode`, which enters it around each part of a step.

    A GPU goes on working after a call has returned. It is synchronized at both ends of a part, so that its work is
    counted under that part and not under the next, or under none.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.entered: Counter[str] = (
            Counter()
        )  # how often each part was entered: "model" once per step of the batch
        self._device = device

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        synchronize(self._device)
        start = perf_counter()
        try:
            yield
        finally:
            synchronize(self._device)
            self.seconds[name] += perf_counter() - start
            self.entered[name] += 1


def synchronize(device: torch.device) -> None:
    """Waits until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
