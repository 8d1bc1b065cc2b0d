"""What ends a job before it is done: someone's Ctrl-C, a scheduler's SIGTERM, or the loss of what it ran on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

DONE, FAILED = 0, 1  # exit codes; FAILED: a setting failed, or the run is incomplete


class Terminated(KeyboardInterrupt):
    """SIGTERM: how Slurm, Kubernetes and systemd say that the machine is about to be taken away."""


class Lost(RuntimeError):
    """What ran the job is gone, through no fault of a setting. The message says what, in a line."""


def exit_code(stop: KeyboardInterrupt) -> int:
    """128 and the signal's number, as a shell counts: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


@contextmanager
def sigterm_raised() -> Iterator[None]:
    """SIGTERM as an exception in this, the main, thread, as Ctrl-C is one."""
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


class Request:
    """Ctrl-C and SIGTERM as a flag, looked at where stopping is safe; the first of them counts."""

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
        """Takes the two signals, also from a library that has just taken them for itself."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def check(self) -> None:
        """Raises what was asked for, if anything was."""
        if self.made:
            raise self.made

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.made = self.made or (Terminated() if number == signal.SIGTERM else KeyboardInterrupt())
