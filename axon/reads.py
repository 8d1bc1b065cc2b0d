"""What a decoder, gate or policy declares to read, and the error of one that reaches further.

"block" is the current block of a row; "sequence" adds the prompt and all other blocks. The sampler computes what is
declared and no more, so that a cache may leave out the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NoReturn

Reads = Literal["block", "sequence"]


class Undeclared(AssertionError):
    """A part uses what it does not declare: a fault in its code, never in a user's setting."""


def undeclared(part: str, declaration: str) -> Callable[..., NoReturn]:
    """Takes the place of what `part` may not use: raises Undeclared when called."""

    def refuse(*_: object) -> NoReturn:
        raise Undeclared(
            f"{part} uses what it does not declare; declare {declaration} in its class, a gate's in GATES"
        )

    return refuse
