"""A whole number in a word of the command line."""

from __future__ import annotations

MOST = 18  # digits: no number of examples, steps or workers has more, and Python reads no number of 4,301


def read_digits(text: str) -> int | None:
    """The number that up to MOST digits write; None for anything else."""
    return int(text) if text.isdecimal() and len(text) <= MOST else None
