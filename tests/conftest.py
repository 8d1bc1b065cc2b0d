"""The order of a whole run, in which two processes take file after file: so that both are busy, and end together.
No search for garbage among what stays until the end. And workers of Ray that don't starve.
"""

from __future__ import annotations

import gc
import os
from collections import defaultdict
from pathlib import Path

import pytest

from pipeline.importing import importing_models

# By 15 nicer than all else, as Ray wants them, workers starve beside what else is tested: ten times the time was seen.
EVEN = {"RAY_worker_niceness": "0"}
os.environ.update(EVEN)

pytest.register_assert_rewrite("axon.laws")  # whose assertions are the tests' own


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, those of each folder spread over them: some folders wait for Ray most of their
    time, others compute."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    folders: dict[tuple[bool, Path], list[Path]] = defaultdict(list)
    for path in dict.fromkeys(item.path for item in items):
        folders[path not in slow, path.parent].append(path)
    places = {
        path: (late, (number + 0.5) / len(files))
        for (late, _), files in folders.items()
        for number, path in enumerate(files)
    }
    items.sort(key=lambda item: places[item.path])


def pytest_sessionstart() -> None:
    """Collecting imports everything and makes ten thousand tests: a million objects, none of them garbage."""
    gc.disable()


def pytest_collectstart(collector: pytest.Collector) -> None:
    """What comes with a model is imported first, and as our commands import it: in three seconds less."""
    if isinstance(collector, pytest.Session):  # here, and not in the process that only hands out files
        with importing_models():
            from axon import decode, load_model  # noqa: F401


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
