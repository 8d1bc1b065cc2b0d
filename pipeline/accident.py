"""Where in the repository an error happened that nobody worded for a user: a bug, most often in an extension."""

from __future__ import annotations

import builtins
import linecache
import traceback
from pathlib import Path

from axon.faults import told_as_no_memory
from axon.own_code import ROOT, of_ours

PLACE = "at "  # how the note on an error begins that says its place


def place_of(error: BaseException) -> str | None:
    """The file and line of the innermost frame of the repository: "axon/decoders/mine.py:31".

    None where the message is complete by itself: raised by a line of ours, or of a kind that the machine (no memory, no
    file) or another library's author has worded.
    """
    if not _by_accident(error):
        return None
    for note in getattr(error, "__notes__", ()):
        if note.startswith(PLACE):
            return str(note.removeprefix(PLACE))
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [(file, line) for file, line in frames if of_ours(file)]
    if not ours or (ours[-1] == frames[-1] and linecache.getline(*ours[-1]).lstrip().startswith("raise ")):
        return None
    file, line = ours[-1]
    return f"{Path(file).relative_to(ROOT)}:{line}"


def without_frames(error: Exception) -> Exception:
    """The error without its traceback, which would hold what its frames do; it keeps its place."""
    if (place := place_of(error)) is not None:
        error.add_note(f"{PLACE}{place}")
    return error.with_traceback(None)


def _by_accident(error: BaseException) -> bool:
    if isinstance(error, (OSError, MemoryError)) or told_as_no_memory(error):
        return False
    return type(error).__module__ == builtins.__name__
