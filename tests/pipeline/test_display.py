"""The display: calm lines with true numbers."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from pipeline import display as display_module
from pipeline.display import Display, clock, thinned
from pipeline.record import Record, to_table
from pipeline.totals import Totals, stored_totals, totals_of

LABELS: Any = {"a": "base threshold=0.3", "b": "AXON anchors=2"}


def test_unscored_examples_count_as_examples_only() -> None:
    records = [Record("a", "t", "e", 0, nfe=4, score=0.5), Record("a", "t", "f", 1, error="no")]
    assert totals_of(records) == Totals(2, 1, 0.5, 4.0)
    assert stored_totals(to_table(records).to_pandas()) == {"a": Totals(2, 1, 0.5, 4.0)}
    assert stored_totals(to_table([]).to_pandas()) == {}


def test_without_a_terminal_a_line_comes_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(display_module, "monotonic", lambda: now[0])
    shown = io.StringIO()
    with Display(
        Console(file=shown, width=200), "title", LABELS, 20, {"a": Totals(10, 10, 5.0, 40.0)}
    ) as display:
        for _ in range(4):
            now[0] += 4
            display.slice("b", Totals(5, 5, 2.0, 10.0))
        now[0] += 9
        display.slice("a", Totals(10, 10, 5.0, 40.0))
    assert shown.getvalue().splitlines() == [
        "0/2 settings · 25/40 examples · 1.2 examples/s · 0:12 left",
        "2/2 settings · 40/40 examples · 0:25",
    ]


def test_on_a_terminal_the_best_front_is_shown() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    display = Display(console, "title", LABELS, 10, {})
    display.slice("a", Totals(10, 10, 5.0, 40.0))
    display.slice("b", Totals(5, 5, 5.0, 10.0))
    display.failed("b")
    plain = Console(file=io.StringIO(), width=100)
    plain.print(display)
    shown = plain.file.getvalue()  # type: ignore[attr-defined]
    assert "1/2 settings · 15/20 examples · 1 failed" in shown
    assert "base threshold=0.3" in shown and "4.0" in shown and "50.0%" in shown
    assert "AXON" not in shown, "an unfinished setting is no evidence yet"


def test_what_a_failed_slice_had_decoded_does_not_count() -> None:
    shown = io.StringIO()
    with Display(Console(file=shown, width=200), "title", {"a": LABELS["a"]}, 2, {}) as display:
        display.example()
        display.example()
        display.failed("a")
    assert shown.getvalue().splitlines() == ["0/1 settings · 0/2 examples · 1 failed"]


def test_a_long_front_is_thinned_with_its_ends_kept() -> None:
    assert thinned([1, 2, 3], 6) == [1, 2, 3]
    assert thinned(list(range(20)), 6)[0] == 0 and thinned(list(range(20)), 6)[-1] == 19
    assert len(thinned(list(range(20)), 6)) == 6


def test_times_read_as_a_clock() -> None:
    assert [clock(s) for s in (5, 65, 3665)] == ["0:05", "1:05", "1:01:05"]
