"""Which example of the task an answer is to. What can't be matched is refused, by its line: it is never a zero."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.imported.answers import Answer
from pipeline.tasks import Example, Task
from pipeline.tasks.benchmark import Benchmark

Point = str | int | float | bool | None


@dataclass(frozen=True)
class Matched:
    """Per point of the file, its answers by position of the example in the task's order; what was refused."""

    points: dict[Point, dict[int, Answer]]
    refused: tuple[str, ...]


def match(answers: Sequence[Answer], task: Task, examples: Sequence[Example]) -> Matched:
    """`examples`: in the task's order, as many as the task has, or as are asked for where it generates them.

    Rows of one answer, such as those of lm-eval's filters, count once. Of several answers to one example and point none
    counts: which of them is meant nobody can tell.
    """
    positions = {example.id: position for position, example in enumerate(examples)}
    documents = _Documents(task) if isinstance(task, Benchmark) else None
    points: dict[Point, dict[int, Answer]] = {}
    refused, twice = [], set()
    for answer in answers:
        try:
            name = _example(answer, documents)
            if name not in positions:
                raise ValueError(f"{name!r} is no example of {task.name} (of {len(positions)})")
        except ValueError as error:
            refused.append(f"line {answer.line}: {error}")
            continue
        own, position = points.setdefault(answer.point, {}), positions[name]
        first = own.setdefault(position, answer)
        if first is not answer and not _same(first, answer):
            refused.append(
                f"line {answer.line}: {name!r} has another answer in line {first.line}; neither counts "
                "(imported.point=COLUMN tells points apart)"
            )
            twice.add((answer.point, position))
    for point, position in twice:
        del points[point][position]
    return Matched({point: own for point, own in points.items() if own}, tuple(refused))


def _example(answer: Answer, documents: _Documents | None) -> str:
    """The id of the answer's example. Raises ValueError."""
    if isinstance(answer.example, str):
        return answer.example
    if documents is None:
        raise ValueError(
            f"doc_id={answer.example}: a generated task has no documents; give the examples' ids"
        )
    return documents.example(answer)


def _same(first: Answer, other: Answer) -> bool:
    """Whether two rows are one answer: lm-eval logs it once per filter, and logs are put together."""
    return (first.text, first.nfe) == (other.text, other.nfe)


class _Documents:
    """The rows of a benchmark as lm-eval shows them."""

    def __init__(self, task: Benchmark) -> None:
        self._task = task
        self._places: dict[str, list[int]] = {}
        for place, row in enumerate(task.rows):
            self._places.setdefault(_content(row, task.columns), []).append(place)

    def example(self, answer: Answer) -> str:
        """By what the document says, wherever lm-eval found it; by its place where it says nothing that we read."""
        place = answer.example
        assert isinstance(place, int)
        doc = {self._task.aliases.get(name, name): value for name, value in (answer.doc or {}).items()}
        if all(column in doc for column in self._task.columns):
            places = self._places.get(_content(doc, self._task.columns), [])
            if not places:
                raise ValueError(f"doc_id={place}: its document is no row of {self._task.name} in this split")
            place = place if place in places else places[0]
        elif not 0 <= place < len(self._task.rows):
            raise ValueError(
                f"doc_id={place}: {self._task.name} has {len(self._task.rows)} rows in this split"
            )
        return self._task.label(self._task.rows[place], place)


def _content(row: dict[str, Any], columns: Sequence[str]) -> str:
    return json.dumps([row[column] for column in columns], default=str)
