"""Where an error happened that nobody worded for a user: a bug, most often in an extension, here or in a package."""

from __future__ import annotations

import builtins
import linecache
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axon.faults import told_as_no_memory
from axon.installed_parts import installed_kinds
from axon.own_code import ROOT, of_ours

PLACE = "at "  # how the note on an error begins that says its place


def place_of(error: BaseException) -> str | None:
    """The file and line of the innermost frame of the repository, or of a package that brings decoders or rules.

    Such as "axon/decoders/mine.py:31", "my_decoders/mine.py:31".

    None where the message is complete by itself: raised by a line of ours, or of a kind that the machine (no memory, no
    file) or another library's author has worded.
    """
    if not _by_accident(error):
        return None
    for note in getattr(error, "__notes__", ()):
        if note.startswith(PLACE):
            return str(note.removeprefix(PLACE))
    frames = _frames(error)
    theirs = _packages()
    ours = [(file, line) for file, line in frames if _is_own(file, theirs)]
    if not ours or (ours[-1] == frames[-1] and linecache.getline(*ours[-1]).lstrip().startswith("raise ")):
        return None
    return _shown(*ours[-1], theirs)


def _shown(file: str, line: int, theirs: list[Path]) -> str:
    """The place from the repository's root, or from where the package lies."""
    root = next((place.parent for place in theirs if Path(file).is_relative_to(place)), ROOT)
    return f"{Path(file).relative_to(root)}:{line}"


@contextmanager
def exit_told() -> Iterator[None]:
    """Within, a line of the repository or of such a package that ends the process raises `exit_as_error` instead."""
    try:
        yield
    except SystemExit as leaving:
        raise exit_as_error(leaving) or leaving from None


def exit_as_error(leaving: SystemExit) -> RuntimeError | None:
    """The error in whose place a line of the repository or of such a package ends the process.

    None where a signal or a library does. `exit()` has a frame of its own, of the file in which Python keeps it, and so
    has the function that W&B puts in place of `sys.exit` while a run is open.
    """
    called = [(frame.f_code, line) for frame, line in traceback.walk_tb(leaving.__traceback__)]
    callers = [(code.co_filename, line) for code, line in called if code.co_name != "exit"]
    callers = [(file, line) for file, line in callers if "_sitebuiltins" not in file]
    theirs = _packages()
    if not _is_own(callers[-1][0], theirs):
        return None
    error = RuntimeError(f"exit({leaving.code!r}) was called, which would end all decoding; raise an error")
    error.add_note(f"{PLACE}{_shown(*callers[-1], theirs)}")  # `raise SystemExit` is no sentence to a reader
    return error.with_traceback(leaving.__traceback__)


def _frames(error: BaseException) -> list[tuple[str, int]]:
    return [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]


def _is_own(file: str, packages: list[Path]) -> bool:
    return of_ours(file) or any(map(Path(file).is_relative_to, packages))


def _packages() -> list[Path]:
    """The folders of the packages that bring decoders or rules, or their files where they are modules alone."""
    tops = {kind.__module__.partition(".")[0] for _, _, kind in installed_kinds()}
    modules = [sys.modules[top] for top in sorted(tops)]
    return [Path(place) for own in modules for place in getattr(own, "__path__", None) or [own.__file__]]


def without_frames(error: Exception) -> Exception:
    """The error without its traceback, which would hold what its frames do; it keeps its place."""
    if (place := place_of(error)) is not None:
        error.add_note(f"{PLACE}{place}")
    return error.with_traceback(None)


def _by_accident(error: BaseException) -> bool:
    if isinstance(error, (OSError, MemoryError)) or told_as_no_memory(error):
        return False
    return type(error).__module__ == builtins.__name__
