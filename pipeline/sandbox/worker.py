"""A warm interpreter behind a pipe: started at one level, given one execution at a time, killed at the end."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from pipeline.sandbox.jail import root
from pipeline.sandbox.jail.execution import Execution, Outcome
from pipeline.sandbox.jail.pipe import receive, send

START_SECONDS = 30.0  # for each of the two messages in which it says how far it is
GRACE_SECONDS = 30.0  # beyond the program's longest time, for setting up and cleaning up on a busy machine
SWEEP_SECONDS = 6.0  # a second more than the supervisor takes at most
CODE = Path(__file__).parent  # holds the package `jail`
# The same order of sets in every run of a program; one heap for all threads, as the memory limit assumes.
ENVIRONMENT = {"PYTHONHASHSEED": "0", "MALLOC_ARENA_MAX": "1"}


class WorkerError(RuntimeError):
    """The worker could not be started, or has died."""


class Worker:
    """`single`: it must be replaced after one execution, as what a program leaves in it could reach the next."""

    def __init__(self, level: str) -> None:
        self.level = level
        self.single = level == "bubblewrap"
        if level == "bubblewrap" and os.geteuid() == 0:
            raise WorkerError("bubblewrap: not as root, whose files would be within the program's reach")
        self._folder = tempfile.mkdtemp(prefix="sandbox-")
        self._ready = False
        try:
            self._process = subprocess.Popen(
                _command(level, self._folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise WorkerError(f"{level}: {error}") from error
        assert self._process.stdin and self._process.stdout
        self._requests, self._replies = self._process.stdin.fileno(), self._process.stdout.fileno()

    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, execution: Execution) -> Outcome:
        """Raises WorkerError if the worker is dead or dies."""
        try:
            self._await_ready()
            send(self._requests, asdict(execution))
            reply = receive(self._replies, execution.limits.longest_seconds + GRACE_SECONDS)
        except (OSError, ValueError) as error:
            raise WorkerError(f"{self.level}: {error}") from error
        if reply is None:
            raise WorkerError(f"{self.level}: the worker died or hung")
        if "error" in reply:
            raise WorkerError(f"{self.level}: {reply['error']}")
        return Outcome(**reply)

    def close(self) -> None:
        """Kills what is left of it and removes its folder."""
        if self.level == "process":
            self._sweep()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe and pipe.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _sweep(self) -> None:
        """Has a supervisor that is at work kill all that its program has started, which no namespace ends with it."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        deadline = time.monotonic() + SWEEP_SECONDS
        with suppress(OSError):  # until nobody holds the other end of its pipe
            while select.select([self._replies], [], [], max(0.0, deadline - time.monotonic()))[0]:
                if not os.read(self._replies, 2**16):
                    return

    def _await_ready(self) -> None:
        while not self._ready:
            message = receive(self._replies, START_SECONDS)
            if message is None or "error" in message:
                raise WorkerError(f"{self.level}: {(message or {}).get('error', 'it does not start')}")
            if "map" in message:
                _map_users(message["map"])
                send(self._requests, {"mapped": True})
            self._ready = "ready" in message


def _command(level: str, folder: str) -> list[str]:
    interpreter = str(Path(sys.executable).resolve())
    code, folder = (str(CODE), folder) if level != "bubblewrap" else ("/code", "/tmp")
    start = (
        f"import sys; sys.path.insert(0, {code!r}); from jail.zygote import main; main({level!r}, {folder!r})"
    )
    run = [interpreter, "-s", "-S", "-P", "-X", "utf8", "-c", start]
    return [*_bubblewrap(), *run] if level == "bubblewrap" else run


def _bubblewrap() -> list[str]:
    command = [
        shutil.which("bwrap") or "bwrap",
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--as-pid-1",  # otherwise process 1 is bubblewrap, within the program's reach
        "--hostname",
        "sandbox",
    ]
    command += ["--unshare-user", "--uid", str(root.NOBODY), "--gid", str(root.NOBODY), "--cap-drop", "ALL"]
    for path in root.libraries():
        link = Path(path).is_symlink()
        command += ["--symlink", os.readlink(path), path] if link else ["--ro-bind", path, path]
    interpreter = str(Path(sys.executable).resolve())
    command += ["--ro-bind", interpreter, interpreter, "--ro-bind", str(CODE / "jail"), "/code/jail"]
    command += ["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    command += ["--tmpfs", "/tmp", "--remount-ro", "/"]
    return [*command, "--chdir", "/tmp", "--"]


def _map_users(pid: int) -> None:
    """Gives a new user namespace its users. Only root can add a second user, for whom the kernel counts separately."""
    both, one = f"0 0 1\n{root.NOBODY} {root.NOBODY} 1\n", f"{root.NOBODY} {{}} 1\n"
    if os.geteuid() == 0:
        with suppress(OSError):
            _write(pid, "gid_map", both)
            _write(pid, "uid_map", both)
            return
    _write(pid, "setgroups", "deny")
    _write(pid, "gid_map", one.format(os.getegid()))
    _write(pid, "uid_map", one.format(os.geteuid()))


def _write(pid: int, name: str, text: str) -> None:
    with open(f"/proc/{pid}/{name}", "w") as file:
        file.write(text)
