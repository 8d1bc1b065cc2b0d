"""The tests' own Ray nodes come up on a machine that is busy with other things."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from tests.pipeline.ray_nodes import ATTEMPTS, started

LATE = "Exception: The current node timed out during startup. This could happen because some of the raylet failed"
UP = "Ray runtime started."


def saying(*lines: str) -> Callable[[], subprocess.Popen[str]]:
    left = iter(lines)
    return lambda: subprocess.Popen(["echo", next(left)], text=True, stdout=subprocess.PIPE)


def test_a_node_that_was_too_late_is_started_again() -> None:
    process = started(saying(LATE, UP))
    assert process.communicate()[0] == "" and process.args == ["echo", UP]


@pytest.mark.parametrize("lines", [["no such option: --hade"], [LATE] * ATTEMPTS])
def test_one_that_does_not_come_is_told_with_what_it_said(lines: list[str]) -> None:
    with pytest.raises(AssertionError, match=lines[-1]):
        started(saying(*lines))
