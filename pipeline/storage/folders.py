"""A store's folders and files where it lies on a disk, which several users may share; or with a service.

A group shares a store by giving its root the permission to write. A folder that is made in it has the same permissions,
whatever the umask of who makes it, so that each can go on with the others' settings.
"""

from __future__ import annotations

import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem


def make_folder(files: Any, folder: str, root: str) -> None:
    """A folder of the store at `root`, with those between them."""
    if isinstance(files, LocalFileSystem) and folder != root:
        _make_below(Path(folder), Path(root))
    else:
        files.makedirs(folder, exist_ok=True)


def rename(files: Any, old: str, new: str) -> None:
    """fsspec's own `mv` silently moves a local file into a folder that already has the target's name."""
    if isinstance(files, LocalFileSystem):
        Path(old).replace(new)
    else:
        files.mv(old, new)


def barred_from(folder: Path) -> str | None:
    """Why this user can make no file in a folder of a disk, or in the next one above that is there; None: he can."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if os.access(there, os.W_OK | os.X_OK):
        return None
    return f"{there} belongs to {_name(there.stat().st_uid)}, and {_name(os.geteuid())} can't write in it"


def _make_below(folder: Path, root: Path) -> None:
    if folder.is_dir():
        return
    if folder == root:
        folder.mkdir(parents=True, exist_ok=True)
        return
    _make_below(folder.parent, root)
    folder.mkdir(exist_ok=True)
    above = folder.parent.stat().st_mode
    if above & stat.S_IWGRP:
        with suppress(PermissionError):  # another user was faster, and does the same
            folder.chmod(stat.S_IMODE(above))


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:  # in a container, or of another machine that shares the disk
        return f"user {user}"
