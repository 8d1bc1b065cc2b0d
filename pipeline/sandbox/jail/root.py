"""A separate file system: the interpreter's library, read-only, a few devices and an empty /tmp; nothing else."""

from __future__ import annotations

import os
import sys

from . import kernel

LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo")
DEVICES = ("null", "zero", "full", "random", "urandom")
NOBODY = 65534


def libraries() -> list[str]:
    """The folders and links that a program needs to import the standard library; none lies below another."""
    found: list[str] = []
    for path in (*LIBRARIES, f"{sys.base_prefix}/lib"):
        if os.path.exists(path) and not any(path == f or path.startswith(f + "/") for f in found):
            found.append(path)
    return found


def prepare(folder: str) -> None:
    """In a fresh user and mount namespace: builds the root at `folder`, once for all programs."""
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", folder, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,mode=755")
    for path in libraries():
        target = folder + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.islink(path):
            os.symlink(os.readlink(path), target)
        else:
            os.makedirs(target, exist_ok=True)
            kernel.mount(path, target, "", kernel.MS_BIND | kernel.MS_REC)
            kernel.restrict(target, kernel.ATTR_NODEV)
    os.makedirs(f"{folder}/dev")
    os.makedirs(f"{folder}/tmp")
    for name in DEVICES:
        os.close(os.open(f"{folder}/dev/{name}", os.O_CREAT | os.O_WRONLY, 0o600))
        kernel.mount(f"/dev/{name}", f"{folder}/dev/{name}", "", kernel.MS_BIND)
    kernel.restrict(folder, kernel.ATTR_RDONLY | kernel.ATTR_NOSUID)


def enter(folder: str, size: int) -> None:
    """In a program's own process: a fresh /tmp of `size` bytes, and no way back out of `folder`."""
    kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC)
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    options = f"size={size},nr_inodes=4096,mode=700,uid={NOBODY},gid={NOBODY}"
    kernel.mount("tmpfs", f"{folder}/tmp", "tmpfs", flags, options)
    kernel.become_root_folder(folder)
    os.chdir("/tmp")
