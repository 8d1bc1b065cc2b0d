"""Keys of a terminal, one at a time, without Enter."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NAMES = {
    " ": "next",
    "n": "next",
    "\r": "next",
    "\x1b[C": "next",
    "\x1b[B": "next",
    "b": "back",
    "\x1b[D": "back",
    "\x1b[A": "back",
    "\x1b[H": "home",
    "\x1b[1~": "home",
    "\x1b[F": "end",
    "\x1b[4~": "end",
    "p": "p",
    "q": "q",
    "\x1b": "q",
}
LONGEST = 8  # bytes of a key

# (seconds to wait, None: for ever) -> the key's name, "other" for one without, None where none was pressed.
NextKey = Callable[[float | None], str | None]


@contextmanager
def keys() -> Iterator[NextKey]:
    """Reads keys from standard input, which is a terminal, and leaves it as it was. Ctrl-C stays what it is."""
    place = sys.stdin.fileno()
    before = termios.tcgetattr(place)

    def next_key(seconds: float | None) -> str | None:
        if not select.select([place], [], [], seconds)[0]:
            return None
        pressed = os.read(place, LONGEST).decode(errors="ignore")
        return NAMES.get(pressed, "other") if pressed else "q"  # its other end is gone

    try:
        tty.setcbreak(place)
        yield next_key
    finally:
        termios.tcsetattr(place, termios.TCSADRAIN, before)
