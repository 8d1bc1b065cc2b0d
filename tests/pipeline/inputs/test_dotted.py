"""Nested settings and their dotted keys are two forms of the same thing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.dotted import assign, flatten

names = st.text("abc_", min_size=1, max_size=3)
leaves = st.none() | st.integers() | st.lists(st.integers(), max_size=2)
trees = st.dictionaries(
    names,
    st.recursive(leaves, lambda own: st.dictionaries(names, own, min_size=1, max_size=3), max_leaves=8),
    max_size=3,
)


def test_keys_are_flattened_as_the_user_types_them() -> None:
    assert flatten({"a": {"b": {"c": 1}, "d": [2]}, "e": None}) == {"a.b.c": 1, "a.d": [2], "e": None}


@given(trees)
def test_assigning_the_leaves_makes_the_tree_again(tree: dict[str, Any]) -> None:
    emptied = _emptied(tree)
    for key, value in flatten(tree).items():
        assign(emptied, key, value)
    assert emptied == tree


def _emptied(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: _emptied(value) if isinstance(value, dict) else "empty" for key, value in tree.items()}
