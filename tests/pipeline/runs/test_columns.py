"""Settings as columns, as run.json keeps them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.runs.columns import from_columns, to_columns

KEYS = st.sampled_from(["a", "b", "decoder.threshold", "/", "~1", ""])
VALUES = st.sampled_from([0, 0.0, -0.0, 1, 1.0, True, None, "1", "", [], [1, 2.5], {}])
TREES = st.recursive(VALUES, lambda below: st.dictionaries(KEYS, below, max_size=3), max_leaves=6)


def spelled(trees: Any) -> str:
    """Tells 1 from 1.0, 0.0 from -0.0, and one order of keys from another."""
    return json.dumps(trees)


@given(st.lists(st.dictionaries(KEYS, TREES, max_size=3), max_size=6))
@example([{"a": value} for value in (0, 0.0, -0.0, 1, 1.0, True, "1", 1)])  # rarely drawn under one key
def test_columns_are_the_same_trees(trees: list[dict[str, Any]]) -> None:
    assert spelled(from_columns(json.loads(json.dumps(to_columns(trees))))) == spelled(trees)


def test_what_all_share_is_there_once() -> None:
    trees = [{"model": {"content": "f" * 64, "seed": place % 3}, "id": place} for place in range(2000)]
    [form] = to_columns(trees)
    assert form["columns"]["/model/content"] == {"values": ["f" * 64]}
    assert form["columns"]["/model/seed"]["values"] == [0, 1, 2]
    assert len(json.dumps(form)) < len(json.dumps(trees)) / 4


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [1],
        [{"rows": [0], "columns": {}}, {"rows": [0], "columns": {}}],
        [{"rows": [1], "columns": {}}],
        [{"columns": {}}],
        [{"rows": [0], "columns": {"/a": {"of": [0]}}}],
        [{"rows": [0], "columns": {"/a": {"values": [1], "of": [1]}}}],
        [{"rows": [0], "columns": {"/a": {"values": [1], "of": [0, 0]}}}],
        [{"rows": [0], "columns": {"/a": {"values": [1]}, "/a/b": {"values": [1]}}}],
    ],
)
def test_what_is_not_as_it_is_written_is_refused(broken: Any) -> None:
    with pytest.raises(ValueError):
        from_columns(broken)
