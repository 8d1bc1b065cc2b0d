"""Whether a command is at work on a run: it has locked the run's folder, and a lock ends with its process, however that
ends."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


def locked(folder: Path) -> int | None:
    """A descriptor to close when the work is done; None where there are no locks. Several commands may have one."""
    return _flock(folder, fcntl.LOCK_SH)


def left_alone(folder: Path) -> bool:
    """Whether no command of this machine is at work there; False where that can't be told."""
    descriptor = _flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def _flock(folder: Path, operation: int) -> int | None:
    """Of the folder itself: run.json is replaced at every change, and a file of its own would be in the way."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, operation)
        except BaseException:  # not there, or held; or Ctrl-C
            os.close(descriptor)
            raise
        return descriptor
    return None
