"""What a program's time limit counts: not the time for which it waits for a processor that others have."""

from __future__ import annotations

import os
from contextlib import suppress


class OwnTime:
    """Seconds of processors, and seconds in which the program waits for anything else, such as a `sleep`.

    Alone on a machine that is the time by the clock. On a busy one it stays the same, and so does the outcome.
    """

    def __init__(self, now: float) -> None:
        self._seen, self._ready = now, True
        self._waited = 0.0

    def add(self, now: float, ready: bool, processor_seconds: float) -> float:
        """The seconds until `now`; `ready`: whether any of its threads runs, or would if it had a processor."""
        if not ready and not self._ready:
            self._waited += now - self._seen
        self._seen, self._ready = now, ready
        return self._waited + processor_seconds


def is_ready(pid: int) -> bool:
    """Whether any thread of the process is in the kernel's state R."""
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/stat", "rb") as file:
                if file.read().rpartition(b")")[2].split()[:1] == [b"R"]:
                    return True
    return False
