"""The order of a whole run: files with slow tests first, so that two processes end together."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("axon.laws")  # whose assertions are the tests' own


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
