"""Scores of a slice's answers: each answer of an example once, new ones side by side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pipeline.evaluation.example_record import scored, to_score
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

        pairs = list(zip(examples, records, strict=True))
        # Only what has to be scored is worth a thread, as a scorer may wait for another process. Threads that wait for
        # nothing wake each other by turns, which is slow where other workers have all cores busy.
        with ThreadPoolExecutor() as judges:
            new = {
                place: judges.submit(one, *pair)
                for place, pair in enumerate(pairs)
                if remembered.lacks(*pair)
            }
            done = [new[place].result() if place in new else one(*pair) for place, pair in enumerate(pairs)]
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

    def lacks(self, example: Example, record: Record) -> bool:
        """Whether the record's answer is still to be scored."""
        answer = to_score(record)
        return answer is not None and (self.settings, example.id, answer) not in self.scores

    def score(self, answer: str, example: Example) -> Score:
        key = self.settings, example.id, answer
        if key not in self.scores:
            self.scores[key] = self.task.score(answer, example)
        return self.scores[key]
