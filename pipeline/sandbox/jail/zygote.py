"""The warm interpreter: confines itself as far as all programs share, then forks a keeper for each job.

It imports little itself: with bubblewrap one is started for every program.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from . import keeper, kernel, root
from .job import Job, Limits, receive, send

JOBS, ANSWERS = 0, 1
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
        gc.freeze()  # what is there now is shared by all programs, so their collectors leave it alone
    except Exception as error:
        send(ANSWERS, {"error": f"{type(error).__name__}: {error}"})
        return
    send(ANSWERS, {"ready": level})
    while message := receive(JOBS):
        _serve(_job(message), level, folder)
    if level == "namespaces":
        kernel.unmount(folder)
    with suppress(OSError):  # who started us may be gone, or just do the same
        os.rmdir(folder)


def _confine(level: str, folder: str) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals() - {
        signal.SIGPIPE,
        signal.SIGXFSZ,
    }:  # those Python ignores for itself
        if number == signal.SIGINT or signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    os.umask(0o077)
    if level == "process" and os.getuid() == 0 and not _readable_to_all(os.path.realpath(os.__file__)):
        raise PermissionError("root's programs run as nobody, who can't read Python's library here")
    if level != "namespaces":
        os.chmod(folder, 0o711)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # a program is in sight of us here: it may not look inside
        return
    shared = kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWUTS
    kernel.unshare(shared | kernel.CLONE_NEWIPC)
    send(ANSWERS, {"map": os.getpid()})
    if receive(JOBS) is None:
        raise OSError("the user namespace got no users")
    os.umask(0o022)
    root.prepare(folder)
    os.umask(0o077)
    socket.sethostname("sandbox")
    with suppress(OSError), open("/proc/sys/user/max_user_namespaces", "w") as file:
        file.write("0")  # the filter refuses them, too: in a container this is read-only


def _serve(job: Job, level: str, folder: str) -> None:
    own = folder
    if level != "namespaces":
        own = f"{folder}/program"
        os.mkdir(own)
    pid = os.fork()
    if pid == 0:
        try:
            if level == "process" and os.getuid() == 0:
                _become_nobody(own)
            send(ANSWERS, asdict(keeper.keep(job, level, own)))
            os._exit(0)
        except Exception as error:
            send(ANSWERS, {"error": f"{type(error).__name__}: {error}"})
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    if status:
        send(ANSWERS, {"error": "the keeper died"})
    if level == "process":
        _remove(own)


def _become_nobody(folder: str) -> None:
    """Without isolation no program is root."""
    os.chown(folder, root.NOBODY, root.NOBODY)
    os.setgroups([])
    os.setresgid(root.NOBODY, root.NOBODY, root.NOBODY)
    os.setresuid(root.NOBODY, root.NOBODY, root.NOBODY)


def _readable_to_all(path: str) -> bool:
    """Whether every user can go through the folders above."""
    steps = path.split("/")[:-1]
    folders = ["/".join(steps[: n + 1]) or "/" for n in range(len(steps))]
    return all(os.stat(folder).st_mode & 0o001 for folder in folders)


def _remove(folder: str) -> None:
    """Removes a folder, whatever is in it: coreutils, unlike shutil, know no folder that is too deep."""
    with suppress(OSError):
        os.rmdir(folder)  # most programs leave it empty
        return
    for command in (["chmod", "-R", "u+rwX", folder], ["rm", "-rf", folder]):
        os.spawnvp(os.P_WAIT, command[0], command)


def _job(message: dict[str, Any]) -> Job:
    return Job(**{**message, "limits": Limits(**message["limits"])})
