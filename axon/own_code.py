"""A file that Python can't import ends a command with one line: most often it is one that the user has just written.

Nothing imported here needs more than Python's own library: what is missing may be any other package.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WRONG_INPUT = 2  # the exit code
CORRECT = "correct the file, or what it uses there"
INSTALL = "correct the name, or run it where that is installed (source .venv/bin/activate)"


@contextmanager
def faulty_files_told() -> Iterator[None]:
    """Within, a file of the repository that can't be imported, by whomever, is told, and ends the process."""
    try:
        yield
    except Exception as error:
        if (line := faulty_file(error)) is None:
            raise
        print(line, file=sys.stderr)
        sys.exit(WRONG_INPUT)


def faulty_file(error: Exception) -> str | None:
    """`FILE:LINE: what; remedy`, of an error by which an import of this repository failed; None for any other."""
    walked = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    frames = [(code.co_filename, line, code.co_name) for code, line in walked if "<" not in code.co_filename]
    ours = [frame for frame in frames if of_ours(frame[0])]
    imported = [file for file, _, name in ours if name == "<module>"]
    if isinstance(error, SyntaxError) and error.filename and of_ours(error.filename):
        file, line, what = error.filename, error.lineno, error.msg
    elif ours and (imported or isinstance(error, ImportError)):
        # What an import calls elsewhere may be right: the file that was being imported calls it.
        file, line, _ = [frame for frame in ours if frame[0] == imported[-1]][-1] if imported else ours[-1]
        what = str(error)
    else:
        return None
    remedy = INSTALL if isinstance(error, ModuleNotFoundError) else CORRECT
    return with_place(file, line, error, what, remedy)


def with_place(file: str, line: int | None, error: Exception, what: str, remedy: str = CORRECT) -> str:
    """`FILE:LINE: kind: what; remedy`, one line, of a file of the repository."""
    told = " ".join(what.split())[:200] or "no message"
    return f"{Path(file).relative_to(ROOT)}:{line}: {type(error).__name__}: {told}; {remedy}"


def of_ours(file: str) -> bool:
    """Whether it is a file of the repository; an environment may lie in it, too."""
    return Path(file).is_relative_to(ROOT) and "-packages" not in file
