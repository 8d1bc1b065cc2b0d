"""Runs or stores of a comparison, each with the name that it is to have there: `runs=[base=FOLDER,axon=FOLDER]`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from pipeline.errors import ConfigError
from pipeline.inputs.word_list import read_list

NAME = re.compile(
    r"\w[\w .,+-]{0,99}"
)  # no path, and nothing that a group's name or a condition gives a meaning


@dataclass(frozen=True)
class Named:
    """A place as it was written, and what it is called; None: by what it holds."""

    name: str | None
    place: str


def read_named(words: Mapping[str, str], key: str) -> list[Named]:
    """The entries of the word `key`. Raises ConfigError, one line, for a name that can't be one, or that two have."""
    if words.get(key, "").strip().startswith("{"):
        line = f"is no list; write {key}=[NAME=PLACE,NAME=PLACE]"
        raise ConfigError([f"{key}={words[key]}: {line}"])
    texts = read_list(words, key)
    if torn := _torn(texts):
        line = f"""the comma in {torn} ends an entry; write '{key}=["{torn}",...]'"""
        raise ConfigError([f"{key}={words[key]}: {line}"])
    found = [_entry(key, text) for text in texts]
    names = [own.name for own in found if own.name is not None]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError([f"{key}={words[key]}: two are called {twice[0]}; give each a name of its own"])
    return found


def _torn(texts: Sequence[str]) -> str | None:
    """A place that is here with a comma in its name, of which the entries are parts."""
    for first, last in combinations(range(len(texts)), 2):
        whole = ",".join(texts[first : last + 1])
        places = [whole, whole.partition("=")[2]] if "=" in texts[first] else [whole]
        if any(os.path.exists(os.path.expanduser(place)) for place in places):
            return whole
    return None


def _entry(key: str, text: str) -> Named:
    before, equals, place = (part.strip() for part in text.partition("="))
    # A folder's own name may hold the sign, too.
    if not equals or "://" in before or os.path.exists(os.path.expanduser(text)):
        return Named(None, text)
    if {"/", os.sep} & set(before) and not os.path.exists(os.path.expanduser(place)):
        return Named(None, text)
    if not NAME.fullmatch(before):
        rule = "must be up to 100 letters, digits, spaces and . , + - _, a letter or digit first"
        raise ConfigError([f"{key}=[{text}]: the name {before!r} {rule}; write {key}=[NAME=PLACE,...]"])
    if not place:
        raise ConfigError([f"{key}=[{text}]: gives a name to nothing; write {before}=PLACE, or leave it out"])
    return Named(before, place)
