"""The supervisor of one program: starts its process, watches what it uses, decides the outcome, leaves nothing."""

from __future__ import annotations

import math
import os
import resource
import select
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress

from . import child, kernel, syscalls
from .clock import Clock
from .execution import Execution, Limits, Outcome
from .own_time import OwnTime, is_ready

START_SECONDS = 10.0  # for setting up, before the program's time begins
TICK_SECONDS = 0.05
WITNESS_SECONDS = 5.0  # for the process to get from reporting its end to waiting, on a busy machine
STILL_SECONDS = 0.5  # if it waits elsewhere for so long, it is not on its way
SWEEP_SECONDS = 5.0
EARLY = (
    0.8  # of a processor's seconds; the kernel counts whole ticks, of which a busy machine takes parts away
)
PAGE = os.sysconf("SC_PAGE_SIZE")
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")  # per second
REASON_BYTES = 600
READ = {"x86_64": "0", "aarch64": "63"}  # the number of the system call
DEPTH_SLACK = (
    128  # libc reads 40 bytes deeper once there are threads; the closest that a program can get is over 400
)
Place = tuple[str, str, int]  # the system call, its first argument, the stack pointer


def supervise(execution: Execution, level: str, folder: str) -> Outcome:
    """Runs the program in the folder until its outcome is known. Afterwards none of its processes is left."""
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    if level == "namespaces":
        kernel.unshare(kernel.CLONE_NEWPID)
    channel, far_channel = socket.socketpair()
    printed, far_printed = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            child.confine(level, folder, far_channel.fileno(), far_printed, execution.limits)
            child.run(execution)
        except Exception as error:  # from the first: the second never returns
            os.write(child.CHANNEL, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(1)
    signal.signal(signal.SIGTERM, _stop)  # here alone, and not in the program's process
    far_channel.close()
    os.close(far_printed)
    death = os.pidfd_open(pid)
    try:
        return Watch(pid, death, channel, printed, execution, _from_outside(level)).outcome()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # which would end the sweep early
        _sweep(death, alone=level == "bubblewrap")


class Stopped(BaseException):
    """This process is to end, and to leave nothing."""


def _stop(number: int, frame: object) -> None:
    raise Stopped


def _from_outside(level: str) -> tuple[signal.Signals, ...]:
    """Signals that end a program only if others send them; but for the processor's seconds that it allows itself.

    With namespaces it is process 1 of its own, which no signal from within reaches; and SIGKILL alone from without.
    """
    if level == "namespaces":
        return (signal.SIGKILL,)
    return syscalls.NOT_ITS_OWN if syscalls.available() else ()


class Watch:
    """One program's process, watched from outside."""

    def __init__(
        self,
        pid: int,
        death: int,
        channel: socket.socket,
        printed: int,
        execution: Execution,
        from_outside: Sequence[signal.Signals],
    ) -> None:
        self._pid, self._death, self._channel, self._printed = pid, death, channel, printed
        self._from_outside, self._now = from_outside, Clock()
        self._calls = execution.inputs is not None
        self._limits: Limits = execution.limits
        self._told = b""
        self._closed = math.inf  # when it closed the channel
        self._output = 0
        self._base = 0
        self._poll = select.poll()
        for source in (channel.fileno(), printed, self._death):
            self._poll.register(source, select.POLLIN)
        channel.setblocking(False)
        os.set_blocking(printed, False)

    def outcome(self) -> Outcome:
        self._begin()
        place = self._waiting_place()
        self._base, _ = _used(self._pid)
        began = self._now()
        own = OwnTime(began)
        with suppress(BrokenPipeError):  # it has been killed
            self._channel.send(b".")
        look, verdict = began + TICK_SECONDS, None
        while not verdict:
            alive = self._listen(max(0.0, look - self._now()))
            verdict = self._judge(alive, place)
            if verdict or (now := self._now()) < look:
                continue  # not whenever it prints: it runs then, as if it never waited
            look, verdict = now + TICK_SECONDS, self._used_up(own)
            if not verdict and now - began > self._limits.longest_seconds:
                raise OSError(f"too busy a machine: no outcome in {self._limits.longest_seconds:g} seconds")
        return verdict

    def _begin(self) -> None:
        """Waits until the process has confined itself."""
        deadline = self._now() + START_SECONDS
        while self._told != child.READY:
            if not self._listen(TICK_SECONDS) or self._now() > deadline:
                told = self._told.decode(errors="replace") or "it ended, or was killed from outside"
                raise OSError(f"its process could not be set up: {told}")
        self._told = b""

    def _waiting_place(self) -> Place | None:
        """Where the process waits before the program begins; None if the kernel does not tell, or if it has ended."""
        call, deadline = READ.get(os.uname().machine), self._now() + START_SECONDS
        while call and self._now() < deadline:
            try:
                place = _place(self._pid)
            except OSError:
                return None
            if place and place[:2] == (call, hex(child.CHANNEL)):
                return place
            if select.select([self._death], [], [], 0.0002)[0]:
                return None
        if call:
            raise OSError("its process does not wait on the channel")
        return None

    def _listen(self, seconds: float) -> bool:
        """Takes in what is reported and printed for a while; returns whether the process is alive."""
        ready = {source for source, _ in self._poll.poll(seconds * 1000)}
        if self._printed in ready:
            part = _take(self._printed)
            self._output += len(part)
            if not part:
                self._poll.unregister(self._printed)
        if self._channel.fileno() in ready:
            part = _take(self._channel.fileno())
            self._told += part
            if not part:
                self._poll.unregister(self._channel.fileno())
                self._closed = self._now()
        return self._death not in ready

    def _judge(self, alive: bool, place: Place | None) -> Outcome | None:
        limits, calls = self._limits, self._calls
        if self._output > limits.output_bytes:
            return Outcome("output", f"more than {limits.output_bytes} bytes printed")
        if len(self._told) > (limits.value_bytes if calls else REASON_BYTES * 4):
            return Outcome("output", "the values are too large" if calls else "more than the channel takes")
        if self._told.startswith(child.ENDED) and not calls:
            return self._witness(place)
        if self._told[:1] not in (b"", child.FAILED, child.RETURNED):
            return Outcome("no verdict", "the program wrote to the channel")
        if not alive:
            return self._after_death()
        if self._now() - self._closed > STILL_SECONDS:
            return Outcome("no verdict", "the program closed the channel")
        return None

    def _used_up(self, own: OwnTime) -> Outcome | None:
        limits = self._limits
        tree = _tree(os.getpid())[1:]  # including those whose parents are gone, which are now ours
        if len(tree) > 2 * limits.processes:
            return Outcome("killed", "too many processes")
        used = [_used(pid) for pid in tree]
        if sum(max(0, resident - self._base) for resident, _ in used) > limits.memory_bytes:
            return Outcome("memory", f"more than {limits.memory_bytes} bytes in all its processes")
        seconds = sum(seconds for _, seconds in used)
        if seconds > limits.cpu_seconds:
            return Outcome("timeout", f"{limits.cpu_seconds} seconds of CPU")
        if own.add(self._now(), any(map(is_ready, tree)), seconds) > limits.wall_seconds:
            return Outcome("timeout", f"{limits.wall_seconds:g} seconds")
        return None

    def _witness(self, place: Place | None) -> Outcome:
        """The process reports that the program reached its end: passed if it waits where it can wait only then."""
        if place is None:
            return Outcome("passed")
        told = since = self._now()
        last: Place | None = None
        while (now := self._now()) < told + WITNESS_SECONDS:
            found = None
            with suppress(OSError):  # it is gone
                found = _place(self._pid)
            if found and found[:2] == place[:2] and 0 <= place[2] - found[2] <= DEPTH_SLACK:
                return Outcome("passed", witnessed=True)
            if found != last:
                last, since = found, now
            elif found and now > since + STILL_SECONDS:
                break
            if select.select([self._death], [], [], 0.0002)[0]:
                self._end()
                break
        return Outcome("no verdict", "its end was reported but not reached")

    def _after_death(self) -> Outcome:
        while part := _take(self._channel.fileno()):
            self._told += part
            if len(self._told) > self._limits.value_bytes:
                return Outcome("output", "the values are too large")
        told, text = self._told[:1], self._told[1:]
        if told == child.FAILED:
            line = "".join(
                c if c.isprintable() else "?" for c in text[:REASON_BYTES].decode(errors="replace")
            )
            return Outcome("memory" if line.startswith("MemoryError") else "exception", line)
        code, spent = self._end()
        if told == child.RETURNED and code == 0 and self._calls:
            return Outcome("returned", values=text.decode(errors="replace"))
        if code < 0 and spent:
            return Outcome("timeout", f"{spent} seconds of CPU")
        if code < 0:
            return Outcome("killed", _name(-code))
        return Outcome("no verdict", f"exited with status {code} before its end")

    def _end(self) -> tuple[int, int | None]:
        """How the process has ended: its exit code, and of which limit of a processor's seconds, if it reached one.

        Raises OSError if someone else has killed it.
        """
        _, own = resource.prlimit(self._pid, resource.RLIMIT_CPU)  # it can lower it
        _, status, used = os.wait4(self._pid, 0)
        code, seconds = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        if seconds >= (most := self._limits.cpu_seconds) - 0.1:
            return code, most
        if 0 <= own < child.processor_limit(self._limits) and seconds >= EARLY * own:
            return code, own
        if -code in self._from_outside:
            name = _name(-code)
            raise OSError(
                f"its process was killed from outside ({name}), as by a machine that is out of memory"
            )
        return code, None


def _name(number: int) -> str:
    """The name of a signal; real-time signals have none in Python."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def _take(source: int) -> bytes:
    try:
        return os.read(source, 2**16)
    except OSError:
        return b""


def _place(pid: int) -> Place | None:
    """Where a process waits; None if it is running."""
    with open(f"/proc/{pid}/syscall") as file:
        fields = file.read().split()
    return (fields[0], fields[1], int(fields[7], 16)) if len(fields) == 9 else None


def _used(pid: int) -> tuple[int, float]:
    """What a process uses: bytes of memory, and seconds of CPU, including those of children it has waited for."""
    with suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:  # its name can be any bytes
        fields = file.read().rpartition(b")")[2].split()
        return int(fields[21]) * PAGE, sum(map(int, fields[11:15])) / CLOCK_TICKS
    return 0, 0.0


def _tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for parent in found:
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{thread}/children") as file:
                    found += map(int, file.read().split())
    return found


def _sweep(death: int, alone: bool) -> None:
    """Kills the process and all that it left behind (now our children) until there is nothing left to kill.

    `alone`: all other processes, except us and process 1, are the program's. Raises OSError if any survive.
    """
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(death, signal.SIGKILL)
    deadline = time.monotonic() + SWEEP_SECONDS
    while time.monotonic() < deadline:
        if alone:
            with suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # at once, so that no chain of forks gets ahead
        for descendant in _tree(os.getpid())[1:]:
            with suppress(ProcessLookupError):
                os.kill(descendant, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0] and time.monotonic() < deadline:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)
    raise OSError("processes of the program are left")
