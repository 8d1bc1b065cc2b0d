"""What ends a job early: Ctrl-C, SIGTERM, the end of its terminal, or the loss of the Ray that it ran on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

DONE, FAILED = 0, 1  # exit codes; FAILED: a setting failed, or the run is incomplete


class Terminated(KeyboardInterrupt):
    """SIGTERM, by which Slurm, Kubernetes and systemd announce that the machine will be taken away; or SIGHUP, by which
    a terminal does, as that of an ssh that has lost its network."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        self.number = number
        super().__init__(number)  # what pickle makes it anew of, in another process

    def __str__(self) -> str:
        return signal.Signals(self.number).name


class Lost(RuntimeError):
    """Ray is gone or has no worker, through no fault of a setting. The message says what happened, in one line."""


def exit_code(stop: KeyboardInterrupt) -> int:
    """128 plus the signal's number, as in a shell: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
    return 128 + (stop.number if isinstance(stop, Terminated) else signal.SIGINT)


def _terminating() -> list[int]:
    """The signals that end a command; under `nohup` SIGHUP is none of them."""
    heard = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGTERM, *[signal.SIGHUP] * heard]


@contextmanager
def ends_raised() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP raise an exception in the main thread, as Ctrl-C does."""
    previous = {number: signal.signal(number, _terminate) for number in _terminating()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)


class Request:
    """Ctrl-C, SIGTERM and SIGHUP as a flag that is checked where stopping is safe. The first of them counts."""

    def __init__(self) -> None:
        self.made: KeyboardInterrupt | None = None

    @contextmanager
    def awaited(self) -> Iterator[None]:
        previous = {number: signal.getsignal(number) for number in (signal.SIGINT, *_terminating())}
        self.listen()
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def listen(self) -> None:
        """Handles the signals, even if a library has just installed its own handlers."""
        for number in (signal.SIGINT, *_terminating()):
            signal.signal(number, self._note)

    def check(self) -> None:
        """Raises what was requested, if anything."""
        if self.made:
            raise self.made

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.made = self.made or (KeyboardInterrupt() if number == signal.SIGINT else Terminated(number))
