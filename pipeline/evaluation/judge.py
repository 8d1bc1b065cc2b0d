"""Scores of a slice's answers, side by side, and each answer of an example once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pipeline.evaluation.example_record import scored
from pipeline.storage.record import Record
from pipeline.tasks import Example, Score, TaskSettings

REMEMBERED = 10_000  # answers; the oldest are forgotten


class Judge:
    """Remembers scores from one setting to the next, which often give an example the same answer.

    A score depends on nothing but the task, the example and the answer. Of 1,750 answers of 35 settings to 50 examples
    of `pycode` 194 differ, and running a program takes half as long as the bundled model takes to write it.
    """

    def __init__(self) -> None:
        self._scores: dict[tuple[TaskSettings, str, str], Score] = {}

    def scored(
        self, task: Any, settings: TaskSettings, examples: Sequence[Example], records: Sequence[Record]
    ) -> list[Record]:
        """The records with their scores, as `example_record.scored`."""
        remembered = _Remembered(task, settings, self._scores)

        def one(example: Example, record: Record) -> Record:
            return scored(remembered, example, record)

        with ThreadPoolExecutor() as judges:
            done = list(judges.map(one, examples, records))
        while len(self._scores) > REMEMBERED:
            del self._scores[next(iter(self._scores))]
        return done


@dataclass(frozen=True)
class _Remembered:
    """A task as its scores are asked for. What a scorer raises is not remembered: it may be the machine's fault."""

    task: Any
    settings: TaskSettings
    scores: dict[tuple[TaskSettings, str, str], Score]

    @property
    def name(self) -> str:
        return self.settings.name

    def score(self, answer: str, example: Example) -> Score:
        key = self.settings, example.id, answer
        if key not in self.scores:
            self.scores[key] = self.task.score(answer, example)
        return self.scores[key]
