"""Equal answers to an example are scored once, whatever the setting; different ones, and failures, each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from threading import Barrier, Lock, Thread, active_count, current_thread, main_thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipeline.evaluation.judge as judge
from pipeline.evaluation.example_record import scored
from pipeline.evaluation.judge import Judge
from pipeline.storage.record import Record
from pipeline.tasks import Example, Score, TaskSettings

SETTINGS = TaskSettings("toy", "test", seed=0)
EXAMPLES = [Example(str(n), f"{n}?", "", n) for n in range(4)]


class Toy:
    """Counts how often it is asked; a score of its own for each example and answer; "?" breaks it."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()

    def score(self, answer: str, example: Example) -> Score:
        with self._lock:
            self.asked[example.id, answer] += 1
        if answer == "?":
            raise RuntimeError("broken")
        return Score((len(answer) + example.check) / 9, answer, {"size": float(len(answer))})


def records(answers: Sequence[str | None]) -> list[Record]:
    return [
        Record("sid", "toy", example.id, position, answer=answer)
        for position, (example, answer) in enumerate(zip(EXAMPLES, answers, strict=True))
    ]


@pytest.mark.slow
@settings(deadline=None)  # it starts threads, for which a busy machine takes its time
@given(st.lists(st.lists(st.sampled_from(["", "a", "ab", "?", None]), min_size=4, max_size=4), max_size=6))
def test_records_are_those_of_the_task_itself_and_an_answer_is_scored_once(
    slices: list[list[str | None]],
) -> None:
    task, remembering = Toy(), Judge()
    for answers in slices:
        alone = [
            scored(Toy(), example, record) for example, record in zip(EXAMPLES, records(answers), strict=True)
        ]
        assert remembering.scored(task, SETTINGS, EXAMPLES, records(answers)) == alone
    assert {times for (_, answer), times in task.asked.items() if answer != "?"} <= {1}
    broken = sum(answers.count("?") for answers in slices)
    assert sum(times for (_, answer), times in task.asked.items() if answer == "?") == broken


def test_only_what_is_to_be_scored_takes_threads_and_takes_them_together() -> None:
    together = Barrier(len(EXAMPLES))

    class Waiting(Toy):
        def score(self, answer: str, example: Example) -> Score:
            together.wait(timeout=30)  # broken unless all are asked at once
            assert current_thread() is not main_thread()
            return super().score(answer, example)

    remembering, task, before = Judge(), Waiting(), active_count()
    first = remembering.scored(task, SETTINGS, EXAMPLES, records("abab"))
    assert all(record.score is not None for record in first)
    repeats = [replace(record, decoded_under="other", score=1.0) for record in records("xxxx")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Thread, "start", lambda self: pytest.fail("a thread for what is known"))
        assert remembering.scored(task, SETTINGS, EXAMPLES, records("abab")) == first
        assert remembering.scored(task, SETTINGS, EXAMPLES, repeats) == repeats
    assert task.asked.total() == len(EXAMPLES) and active_count() == before


def test_another_task_shares_no_score() -> None:
    remembering, first, second = Judge(), Toy(), Toy()
    remembering.scored(first, SETTINGS, EXAMPLES, records("aaaa"))
    remembering.scored(second, replace(SETTINGS, seed=1), EXAMPLES, records("aaaa"))
    assert second.asked.total() == 4


def test_the_oldest_scores_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "REMEMBERED", 6)
    remembering, task = Judge(), Toy()
    for answers in ("aaaa", "bbbb"):  # of the eight the first two are forgotten
        remembering.scored(task, SETTINGS, EXAMPLES, records(answers))
    task.asked.clear()
    remembering.scored(task, SETTINGS, EXAMPLES, records("bbbb"))
    assert not task.asked
    remembering.scored(task, SETTINGS, EXAMPLES, records("aaaa"))
    assert task.asked.total() == 2
