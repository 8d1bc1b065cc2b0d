"""What the command prints, to whatever: a file on a full disk, a pipe that is closed, a terminal of few letters."""

from __future__ import annotations

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
        super().__init__(f"the output can't be written ({reason(error)})")


class _Told:
    """A stream whose faults are OutputErrors."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with _told():
            return int(self._stream.write(text))

    def flush(self) -> None:
        with _told():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(error) from error


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
            with suppress(OSError, ValueError):  # Python would try again as it ends, and complain
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            raise
        finally:
            sys.stdout = before
