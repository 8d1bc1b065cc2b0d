"""What a job that takes a while writes into a log meanwhile."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.status import Status

from pipeline.inputs.config import Config
from pipeline.jobs import log_lines
from pipeline.jobs import reading as reading_module
from pipeline.jobs.log_lines import told_in_log
from pipeline.jobs.plan_job import plan_job
from pipeline.jobs.reading import reading
from tests.pipeline.conftest import Judge, composing

SWEPT = ("task.name=judge", "sweep.along_trade_off=true", "trade_off.values=[0.1, 0.3, 0.5, 0.7, 0.9]")


def test_a_log_says_how_far_the_settings_of_a_sweep_are_read(
    make_config: Callable[..., Config], judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "PLAIN_SECONDS", 0.0)
    config, console = make_config(*SWEPT), Console(file=io.StringIO(), width=100)
    assert plan_job(config, composing(config), console) == 0
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[:4] == [f"reading the sweep: {done}/5 · 0:00 left" for done in range(1, 5)]
    assert not any(line.startswith("reading") for line in lines[4:])


@pytest.mark.parametrize(("seconds", "terminal"), [(0.0, True), (60.0, False)])
def test_a_terminal_and_whoever_is_done_soon_have_no_lines(
    seconds: float, terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "PLAIN_SECONDS", seconds)
    console = Console(file=io.StringIO(), force_terminal=terminal)
    assert list(told_in_log("abc", 3, console)) == [*"abc"]
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]


def test_a_terminal_is_told_how_long_the_sweep_will_take_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.0, 1.0, 1.0, 4.0, 4.0, 6.0, 6.0])
    for module in (log_lines, reading_module):
        monkeypatch.setattr(module, "monotonic", lambda: next(times))
    shown: list[str] = []
    monkeypatch.setattr(Status, "update", lambda self, text: shown.append(text))
    with reading(Console(file=io.StringIO(), force_terminal=True), "reading") as walk:
        assert list(walk("abc")) == [*"abc"]
    assert shown == ["reading the sweep: 2/3 · 0:02 left", "reading the sweep: 3/3 · 0:00 left"]
