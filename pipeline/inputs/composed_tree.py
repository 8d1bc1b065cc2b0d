"""A composed config as plain data, before it is read: what a dotted key holds, and words that would change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import ConfigError
from pipeline.inputs.command_line import key_of


def check_emptied(words: Sequence[str], tree: Mapping[str, Any]) -> None:
    """Raises ConfigError for `key={}`, which Hydra merges with what is there: it would take nothing away."""
    for word in words:
        key, held = key_of(word), tree_at(key_of(word), tree)
        added = any(key_of(other).startswith(f"{key}.") for other in words)  # what is there may be the user's
        if held and not added and word.partition("=")[2].replace(" ", "") == "{}":
            first = next((f"{key}.{name}" for name in held if "." not in str(name)), key)
            remedy = f"remove what should go by its name, such as ~{first}"
            raise ConfigError([f"{word}: is merged with what is there, so that nothing goes; {remedy}"])


def tree_at(key: str, tree: Any) -> Mapping[str, Any]:
    """What a dotted key ("": the whole) holds; empty where that is no group of keys."""
    for parent in filter(None, key.split(".")):
        tree = tree.get(parent) if isinstance(tree, Mapping) else None
    return tree if isinstance(tree, Mapping) else {}
