"""Seconds by name, of a decoder that has no clock of its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import torch


class Stopwatch:
    """Given to the decoder, which enters it around each part of a step.

    A GPU works on after the call that asked it to has returned. So it is waited for at both ends of a part, or its work
    would be counted under the next part, or under none.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.entered: Counter[str] = Counter()  # how often each part was: "model" once a step of the batch
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
    """Wait until the device has done what it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
