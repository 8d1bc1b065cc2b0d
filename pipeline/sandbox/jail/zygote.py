"""The warm interpreter: applies the confinement that all programs share, then forks a supervisor for each.

It imports little itself, as with bubblewrap one is started for every program.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from . import kernel, root, supervisor
from .execution import Execution, Limits
from .pipe import receive, send

REQUESTS, REPLIES = 0, 1
WARM = (
    *("bisect", "collections", "copy", "datetime", "decimal", "fractions", "functools", "heapq", "itertools"),
    *("json", "math", "operator", "random", "re", "statistics", "string", "typing"),
)  # what programs import most


def main(level: str, folder: str) -> None:
    try:
        _confine(level, folder)
        for name in WARM:
            __import__(name)
        gc.collect()
        gc.freeze()  # what exists now is shared by all programs: their collectors leave it alone
    except Exception as error:
        send(REPLIES, {"error": f"{type(error).__name__}: {error}"})
        return
    send(REPLIES, {"ready": level})
    while message := receive(REQUESTS):
        _serve(_execution(message), level, folder)
    if level == "namespaces":
        kernel.unmount(folder)
    with suppress(OSError):  # whoever started us may be gone, or be doing the same
        os.rmdir(folder)


def _confine(level: str, folder: str) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals() - {
        signal.SIGPIPE,
        signal.SIGXFSZ,
    }:  # Python itself ignores these two
        if number == signal.SIGINT or signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    os.umask(0o077)
    if level == "process" and os.getuid() == 0 and not _readable_to_all(os.path.realpath(os.__file__)):
        raise PermissionError("programs of root run as nobody, who can't read Python's library here")
    if level != "namespaces":
        os.chmod(folder, 0o711)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # a program can see us here, but not look inside
        return
    shared = kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWUTS
    kernel.unshare(shared | kernel.CLONE_NEWIPC)
    send(REPLIES, {"map": os.getpid()})
    if receive(REQUESTS) is None:
        raise OSError("the user namespace got no users")
    os.umask(0o022)
    root.prepare(folder)
    os.umask(0o077)
    socket.sethostname("sandbox")
    with suppress(OSError), open("/proc/sys/user/max_user_namespaces", "w") as file:
        file.write("0")  # the filter refuses them as well, as in a container this file is read-only


def _serve(execution: Execution, level: str, folder: str) -> None:
    own = folder
    if level != "namespaces":
        own = f"{folder}/program"
        os.mkdir(own)
    pid = os.fork()
    if pid == 0:
        try:
            if level == "process" and os.getuid() == 0:
                _become_nobody(own)
            send(REPLIES, asdict(supervisor.supervise(execution, level, own)))
            os._exit(0)
        except Exception as error:
            send(REPLIES, {"error": f"{type(error).__name__}: {error}"})
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    if status:
        send(REPLIES, {"error": "the supervisor died"})
    if level == "process":
        _remove(own)


def _become_nobody(folder: str) -> None:
    """Without isolation no program runs as root."""
    os.chown(folder, root.NOBODY, root.NOBODY)
    os.setgroups([])
    os.setresgid(root.NOBODY, root.NOBODY, root.NOBODY)
    os.setresuid(root.NOBODY, root.NOBODY, root.NOBODY)


def _readable_to_all(path: str) -> bool:
    """Whether every user can pass through the folders above."""
    steps = path.split("/")[:-1]
    folders = ["/".join(steps[: n + 1]) or "/" for n in range(len(steps))]
    return all(os.stat(folder).st_mode & 0o001 for folder in folders)


def _remove(folder: str) -> None:
    """Removes a folder, whatever is in it: unlike shutil, coreutils can remove folders nested to any depth."""
    with suppress(OSError):
        os.rmdir(folder)  # most programs leave it empty
        return
    for command in (["chmod", "-R", "u+rwX", folder], ["rm", "-rf", folder]):
        os.spawnvp(os.P_WAIT, command[0], command)


def _execution(message: dict[str, Any]) -> Execution:
    return Execution(**{**message, "limits": Limits(**message["limits"])})
