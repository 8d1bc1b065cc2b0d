"""A word of the command line that holds a list: `runs=[A,B]`, `nfe=8,16`, `format=csv`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from pipeline.errors import ConfigError


def read_list(words: Mapping[str, str], key: str) -> list[str]:
    """The entries of the word `key`, with or without brackets; none where it isn't given.

    An entry with a comma stands in quotes. Raises ConfigError, one line, for a list without an entry, and for a bracket
    or a quote that is not closed.
    """
    if key not in words:
        return []
    try:
        entries = [entry.strip() for entry in _split(words[key].strip())]
    except ValueError as error:
        line = f"can't be read as a list ({error}); write {key}=[A,B]"
        raise ConfigError([f"{key}={words[key]}: {line}"]) from None
    if not any(entries):
        raise ConfigError([f"{key}={words[key]}: must not be empty; give it a value, or leave it out"])
    return [entry for entry in entries if entry]


def _split(text: str) -> list[str]:
    """Raises ValueError."""
    if text.startswith("["):
        if not text.endswith("]"):
            raise ValueError("no closing bracket")
        text = text[1:-1]
    reader = shlex.shlex(text, posix=True)
    reader.whitespace, reader.whitespace_split, reader.escape, reader.commenters = ",", True, "", ""
    try:
        return list(reader)
    except ValueError:
        raise ValueError("no closing quotation mark") from None
