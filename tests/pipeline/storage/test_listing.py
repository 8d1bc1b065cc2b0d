"""The mark of a file, by which an index knows whether it is the file that was read."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.storage.listing import _mark


@pytest.mark.parametrize(
    ("info", "mark"),
    [
        ({"size": 9, "ETag": '"a"'}, '9-"a"'),
        ({"size": 9, "etag": "b", "generation": 3}, "9-b-3"),
        ({"size": 9, "ETag": None}, ""),  # another file of that size would pass for it
        ({"size": 9, "created": "2026-11-27", "mtime": 1.0}, ""),
    ],
)
def test_a_service_that_tells_of_no_change_has_no_mark(info: dict[str, Any], mark: str) -> None:
    assert _mark(info) == mark
