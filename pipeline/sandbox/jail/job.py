"""What is asked of the jail and what it answers: plain data, in length-prefixed JSON on a pipe."""

from __future__ import annotations

import json
import os
import select
import struct
import time
from dataclasses import dataclass, field
from typing import Any

HEADER = struct.Struct("!I")


@dataclass(frozen=True)
class Limits:
    """What one program may use. Times are for the whole program; a MiB is 2**20 bytes."""

    wall_seconds: float = 10.0
    cpu_seconds: int = 8  # of all its processes together
    memory_bytes: int = 512 * 2**20  # address space of each process, and resident in all of them together
    processes: int = 32  # threads count
    file_bytes: int = 16 * 2**20  # the largest file
    folder_bytes: int = 64 * 2**20  # all files together (at level `namespaces` alone)
    open_files: int = 64
    output_bytes: int = 16 * 2**20  # printed; a program that prints more is stopped
    value_bytes: int = 2**20  # the returned values as JSON


@dataclass(frozen=True)
class Job:
    """A program and how to run it: then `tests`, to the end; or (`inputs` given) calling its function on each."""

    program: str
    tests: str = ""
    inputs: list[list[Any]] | None = None
    name: str = "f"
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Outcome:
    """How a program fared. `kind`: passed, or why not: exception, timeout, memory, output, killed, no verdict.

    Of a call it is `returned` at best, for whoever compares the values to judge.
    """

    kind: str
    detail: str = ""
    seconds: float = 0.0
    values: str | None = None  # JSON, as the program's process wrote it: not to be believed, only compared
    witnessed: bool = False  # whether the kernel confirmed that the end was reached

    @property
    def passed(self) -> bool:
        return self.kind == "passed"

    @property
    def reason(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


def send(pipe: int, message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    rest = memoryview(HEADER.pack(len(body)) + body)
    while rest:
        rest = rest[os.write(pipe, rest) :]


def receive(pipe: int, seconds: float | None = None) -> dict[str, Any] | None:
    """The next message; None at the pipe's end, or when it hasn't come after `seconds`."""
    deadline = None if seconds is None else time.monotonic() + seconds
    header = _read(pipe, HEADER.size, deadline)
    body = header and _read(pipe, HEADER.unpack(header)[0], deadline)
    return json.loads(body) if body else None


def _read(pipe: int, size: int, deadline: float | None) -> bytes | None:
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    found = b""
    while len(found) < size:
        if deadline is not None and not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return None
        part = os.read(pipe, min(size - len(found), 2**20))
        if not part:
            return None
        found += part
    return found
