"""A task's examples, made once for all settings that are evaluated on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pipeline.accident import exit_told
from pipeline.tasks import Example, TaskSettings

TASKS_KEPT = 8  # as many tasks as `read_task` keeps


class Drawn:
    """The first examples of each task, in its fixed order. Generating those of `pycode` takes a tenth as long as the
    bundled model takes to decode them.
    """

    def __init__(self) -> None:
        self._drawn: dict[TaskSettings, list[Example]] = {}

    def first(self, task: Any, settings: TaskSettings, count: int) -> list[Example]:
        """Raises ValueError if there are fewer, or if two of them share an id."""
        found = self._drawn.pop(settings, [])
        if len(found) < count:
            with exit_told():
                found = task.examples(settings.split, settings.seed, count)
            check_ids(found)
        if len(found) < count:
            raise ValueError(
                f"limit={count}: {settings.name} has {len(found)} examples in this split; lower limit"
            )
        self._drawn[settings] = found  # the last is the one used last
        while len(self._drawn) > TASKS_KEPT:
            del self._drawn[next(iter(self._drawn))]
        return found[:count]


def check_ids(examples: Sequence[Example]) -> None:
    """Raises ValueError if two share an id: a report would take them for one example."""
    [(name, count)] = Counter(example.id for example in examples).most_common(1) or [("", 0)]
    if count > 1:
        raise ValueError(f"{count} examples have the id {name!r}; the task must give each its own")
