"""Settings that failed are told by their errors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pipeline.jobs.failures import failure_lines


def test_settings_of_one_error_share_a_line() -> None:
    run: Any = SimpleNamespace(by_id={f"id{place}": f"axon threshold=0.{place}" for place in range(8)})
    failures = {f"id{place}": "out of memory" for place in range(5)} | {
        "id6": "no such file",
        "id7": "no such file",
    }
    assert failure_lines(run, failures) == [
        "axon threshold=0.0 (id0) and 4 more settings: out of memory",
        "axon threshold=0.6 (id6); axon threshold=0.7 (id7): no such file",
    ]
