"""Nested settings by dotted keys, as a user types them: `axon.anchors`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def flatten(tree: Mapping[str, Any], is_leaf: Callable[[Any], bool] = lambda _: False) -> dict[str, Any]:
    """{"axon": {"gate": "never"}} as {"axon.gate": "never"}. A mapping that `is_leaf` accepts stays whole."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and not is_leaf(value):
            leaves |= {f"{key}.{below}": leaf for below, leaf in flatten(value, is_leaf).items()}
        else:
            leaves[key] = value
    return leaves


def assign(tree: dict[str, Any], key: str, value: Any) -> None:
    """Sets a dotted key of nested dictionaries in place, which it adds where they lack.

    Raises KeyError where one of its parents is no dictionary.
    """
    *parents, leaf = key.split(".")
    owner: Any = tree
    for parent in parents:
        owner = owner.setdefault(parent, {}) if isinstance(owner, dict) else None
    if not isinstance(owner, dict):
        raise KeyError(key)
    owner[leaf] = value
