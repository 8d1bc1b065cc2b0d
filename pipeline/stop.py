"""What ends a job early: Ctrl-C, SIGTERM, or the loss of the Ray that it ran on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

DONE, FAILED = 0, 1  # exit codes; FAILED: a setting failed, or the run is incomplete


class Terminated(KeyboardInterrupt):
    """SIGTERM, by which Slurm, Kubernetes and systemd announce that the machine will be taken away."""


class Lost(RuntimeError):
    """Ray is gone, through no fault of a setting. The message says what happened, in one line."""


def exit_code(stop: KeyboardInterrupt) -> int:
    """128 plus the signal's number, as in a shell: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


@contextmanager
def sigterm_raised() -> Iterator[None]:
    """Within, SIGTERM raises an exception in the main thread, as Ctrl-C does."""
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


class Request:
    """Ctrl-C and SIGTERM as a flag that is checked where stopping is safe. The first of them counts."""

    def __init__(self) -> None:
        self.made: KeyboardInterrupt | None = None

    @contextmanager
    def awaited(self) -> Iterator[None]:
        previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self.listen()
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def listen(self) -> None:
        """Handles the two signals, even if a library has just installed its own handlers."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def check(self) -> None:
        """Raises what was requested, if anything."""
        if self.made:
            raise self.made

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.made = self.made or (Terminated() if number == signal.SIGTERM else KeyboardInterrupt())
