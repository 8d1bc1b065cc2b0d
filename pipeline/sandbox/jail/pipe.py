"""Plain data between the two sides of a pipe: length-prefixed JSON."""

from __future__ import annotations

import json
import os
import select
import struct
from typing import Any

from .clock import STEP_SECONDS, Clock

HEADER = struct.Struct("!I")


def send(pipe: int, message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    rest = memoryview(HEADER.pack(len(body)) + body)
    while rest:
        rest = rest[os.write(pipe, rest) :]


def receive(pipe: int, seconds: float | None = None) -> dict[str, Any] | None:
    """The next message; None at the end of the pipe, or if none has come after `seconds` in which we were let run."""
    now = Clock()
    header = _read(pipe, HEADER.size, now, seconds)
    body = header and _read(pipe, HEADER.unpack(header)[0], now, seconds)
    return json.loads(body) if body else None


def _read(pipe: int, size: int, now: Clock, seconds: float | None) -> bytes | None:
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    found = b""
    while len(found) < size:
        while seconds is not None and not poll.poll(1000 * max(0.0, min(seconds - now(), STEP_SECONDS))):
            if now() >= seconds:
                return None
        part = os.read(pipe, min(size - len(found), 2**20))
        if not part:
            return None
        found += part
    return found
