"""What the command prints, to whatever: a file on a full disk, a pipe that is closed, a terminal of few letters, or one
that has gone."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import TextIOWrapper
from typing import Any, TextIO, cast

from pipeline.errors import reason


class OutputError(BaseException):
    """Nothing more can be printed. No Exception, or it would be taken for a fault of a folder or an example."""

    def __init__(self, error: OSError) -> None:
        self.closed = isinstance(
            error, BrokenPipeError
        )  # by its reader, as `head` does: no fault of anyone's
        super().__init__(error)  # what pickle makes it anew of, in another process

    def __str__(self) -> str:
        return f"the output can't be written ({reason(self.args[0])})"


class _Told:
    """A stream whose faults are OutputErrors. That its terminal has gone is none: SIGHUP says it to whom it ends, and
    who ignores SIGHUP is to go on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._terminal = stream.isatty()  # one that has gone says no

    def write(self, text: str) -> int:
        with self._told():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._told():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._terminal or error.errno != errno.EIO:
                raise OutputError(error) from error
            _silence(self._stream)


def _silence(stream: Any) -> None:
    """What is in its buffer, and what follows, goes nowhere: Python would try again as it ends, and complain."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextmanager
def output_told() -> Iterator[None]:
    """Within, what can't be printed raises OutputError, at the latest at the end, when everything is written out.

    Letters that the output doesn't have are written as \\u25cf. Where it is closed (`>&-`) nothing is printed.
    """
    before = sys.stdout
    with ExitStack() as opened:
        stream = before or opened.enter_context(open(os.devnull, "w", encoding="utf-8"))
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        sys.stdout = told = cast(TextIO, _Told(stream))
        try:
            yield
            told.flush()
        except OutputError:
            _silence(stream)
            raise
        finally:
            sys.stdout = before
