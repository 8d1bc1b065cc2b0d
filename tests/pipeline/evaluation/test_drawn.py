"""The examples that settings share are the task's own, and are made once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.drawn import TASKS_KEPT, Drawn
from pipeline.tasks import Example, TaskSettings

SEEDS = st.integers(0, TASKS_KEPT)  # one more task than are kept


class Toy:
    """Notes how many examples it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def examples(self, split: str, seed: int, count: int) -> list[Example]:
        self.asked.append((seed, count))
        return [Example(f"{seed}-{n}", f"{n}?", "", None) for n in range(min(count, 9))]


def of(seed: int) -> TaskSettings:
    return TaskSettings("toy", "test", seed)


@given(st.lists(st.tuples(SEEDS, st.integers(0, 9)), max_size=30))
def test_they_are_the_tasks_own_and_made_anew_only_if_more_are_asked_for(
    asked: list[tuple[int, int]],
) -> None:
    drawn, task, kept = Drawn(), Toy(), dict[int, int]()  # kept: how many of each task, the last used last
    for seed, count in asked:
        before = len(task.asked)
        assert drawn.first(task, of(seed), count) == Toy().examples("test", seed, count)
        known = kept.pop(seed, 0)
        assert task.asked[before:] == ([(seed, count)] if count > known else [])
        kept = dict([*kept.items(), (seed, max(count, known))][-TASKS_KEPT:])


def test_too_few_and_equal_ids_are_told_each_time() -> None:
    drawn = Drawn()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^limit=10: toy has 9 examples in this split; lower limit$"):
            drawn.first(Toy(), of(0), 10)
    assert len(drawn.first(Toy(), of(0), 9)) == 9

    class Twice(Toy):
        def examples(self, *asked: Any) -> list[Example]:
            return super().examples(*asked) * 2

    for _ in range(2):
        with pytest.raises(ValueError, match=r"2 examples have the id '1-0'"):
            drawn.first(Twice(), of(1), 2)
