"""A folder for the files of one run of Ray, removed at its end, or by the next run if this one was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import ConfigError, reason

PREFIX = "axon-ray-"
OWNER = "owner"  # a file that the run holds a lock on; the kernel releases it however the run ends
YOUNG = 60.0  # seconds; a younger folder may not be locked yet, or its Ray may be about to end


@contextmanager
def scratch_folder() -> Iterator[str]:
    """It holds sockets, whose paths must be short: so it isn't in the run's folder. Raises ConfigError without one."""
    parent = "/tmp" if Path("/tmp").is_dir() else tempfile.gettempdir()
    remove_ownerless(Path(parent))
    try:
        folder = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
        owner = os.open(Path(folder, OWNER), os.O_RDWR | os.O_CREAT)
    except OSError as error:
        line = f"cluster: Ray's files can't be written to {parent} ({reason(error)}); make it writable, or make room"
        raise ConfigError([line]) from None
    try:
        fcntl.flock(owner, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(owner)


def remove_ownerless(parent: Path) -> None:
    """Removes the folders of this user's killed runs, but none that is locked or that can't be read."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            found = folder.lstat()
            if found.st_uid != os.getuid() or time.time() - found.st_mtime < YOUNG:
                continue
            owner = os.open(folder / OWNER, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:  # not one of ours, or gone
            continue
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(owner)
