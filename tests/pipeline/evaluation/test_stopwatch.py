"""Seconds: on a GPU between two events in its own queue, so that nothing waits; of a row by the wall clock."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import pipeline.evaluation.stopwatch
from pipeline.evaluation.stopwatch import RowSeconds, Stopwatch


class Queue:
    """A GPU's queue in which each kernel takes a second; it works only while somebody waits or asks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.launched = 0
        self.done = 0
        self.waits = 0
        queue = self

        class Event:
            def __init__(self, enable_timing: bool) -> None:
                assert enable_timing

            def record(self, stream: Any) -> None:
                self.at = queue.launched

            def query(self) -> bool:
                return self.at <= queue.done

            def synchronize(self) -> None:
                queue.waits += self.at > queue.done
                queue.done = max(queue.done, self.at)

            def elapsed_time(self, end: Any) -> float:
                assert self.query() and end.query(), "neither has happened yet"
                return 1000.0 * (end.at - self.at)

        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda device: pytest.fail("it may not wait for all"))


def test_a_gpus_parts_are_its_own_seconds_and_nothing_waits_until_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue, timer = Queue(monkeypatch), Stopwatch(torch.device("cuda"))
    for _ in range(3):
        for part, kernels in (("model", 40), ("capture", 3), ("select", 5)):
            with timer(part):
                queue.launched += kernels
        queue.launched += 7  # between parts: nobody's
    assert queue.waits == 0
    assert timer.seconds == {"model": 120.0, "capture": 9.0, "select": 15.0} and queue.waits > 0
    assert timer.entered == {"model": 3, "capture": 3, "select": 3}
    assert timer.seconds["never"] == 0.0


def test_events_that_have_happened_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    queue, timer = Queue(monkeypatch), Stopwatch(torch.device("cuda"))
    for _ in range(1000):
        with timer("model"):
            queue.launched += 1
        queue.done = queue.launched
        assert len(timer._open) <= 1


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_part_that_fails_is_counted(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, timer = Queue(monkeypatch), Stopwatch(torch.device(device))
    with pytest.raises(RuntimeError, match="out of memory"), timer("model"):
        queue.launched += 1
        raise RuntimeError("out of memory")
    assert timer.entered["model"] == 1 and timer.seconds["model"] > 0


def test_a_rows_seconds_run_from_the_step_it_entered_with(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(pipeline.evaluation.stopwatch, "perf_counter", lambda: now[0])
    timer = Stopwatch(torch.device("cpu"))
    for seconds, rows in ((1.0, 1), (2.0, 1), (4.0, 2), (8.0, 2), (16.0, 4)):  # begun at 0, 1, 3, 7 and 15
        timer.begin(rows, 0)
        with timer("model"):
            now[0] += seconds
        with timer.stopped():
            now[0] += 100.0
    assert timer.of_row(5, 2) == RowSeconds(1 + 2 + 2 + 4 + 4, 0.0, 0.0, 31.0, 3.0)
    assert timer.of_row(3, 1) == RowSeconds(2 + 4 + 4, 0.0, 0.0, 28.0, 4.0), "it entered with the third step"
    assert timer.of_row(1, 1) == RowSeconds(4, 0.0, 0.0, 16.0, 16.0), "its first block was full with the last"
    assert timer.seconds["model"] == 31.0


def test_the_shares_of_rows_add_up_to_a_gpus_own_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    queue, timer = Queue(monkeypatch), Stopwatch(torch.device("cuda"))
    for rows, kernels in ((2, 10), (2, 20), (1, 30)):  # one row has two steps, the other all three
        timer.begin(rows, 0)
        with timer("model"):
            queue.launched += kernels
        with timer("select"):
            queue.launched += 4
        if rows == 2 and kernels == 20:
            leaving = timer.of_row(2, 1)
    staying = timer.of_row(3, 1)
    assert (leaving.model, staying.model) == (15.0, 45.0)
    assert leaving.select + staying.select == timer.seconds["select"] == 12.0
