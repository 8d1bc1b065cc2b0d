"""A clock that stands still while this process does."""

from __future__ import annotations

import time

STEP_SECONDS = 0.25  # between two looks, while we are let run; less than any time that is measured by them


class Clock:
    """Seconds since it was made, without pauses: a SIGSTOP, a frozen container, a job that Slurm has suspended.

    What lies between two looks counts as STEP_SECONDS at most, so it has to be looked at as often.
    """

    def __init__(self) -> None:
        self._seen, self._seconds = time.monotonic(), 0.0

    def __call__(self) -> float:
        now = time.monotonic()
        self._seconds += min(now - self._seen, STEP_SECONDS)
        self._seen = now
        return self._seconds
