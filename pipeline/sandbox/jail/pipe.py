"""Plain data between the two sides of a pipe: length-prefixed JSON."""

from __future__ import annotations

import json
import os
import select
import struct
import time
from typing import Any

HEADER = struct.Struct("!I")


def send(pipe: int, message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    rest = memoryview(HEADER.pack(len(body)) + body)
    while rest:
        rest = rest[os.write(pipe, rest) :]


def receive(pipe: int, seconds: float | None = None) -> dict[str, Any] | None:
    """The next message; None at the end of the pipe, or if none has come after `seconds`."""
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
