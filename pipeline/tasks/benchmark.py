"""A benchmark: rows from a file or the hub in a fixed shuffled order, with few-shot examples before each question.

Few-shot examples are drawn as lm-eval draws them (lm_eval/api/samplers.py, `ContextSampler`): one generator, seeded
once, samples from the training rows for the first row of the split, then for the second, and so on. By default every
question gets those of the first row; `shot_draw=per_question` gives each row its own, whatever order we ask in. (Where
lm-eval runs in several processes, each begins with the same seed, and its draws are others.)
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pipeline.tasks.rows import NOT_ON_HUB, Hub, Row, check_rows, digest, is_empty, read_file, read_hub
from pipeline.tasks.task import Chat, Example, Score, Shots, Split, TaskSettings

SHOT_SEED = 1234  # lm-eval's default fewshot_random_seed


@dataclass(frozen=True)
class Benchmark:
    """A task made of rows. A subclass says how a row is asked, what its solution is, and how an answer is scored."""

    rows: Sequence[Row] = ()
    shots: Sequence[Row] = ()  # few-shot examples before each question, or those to draw from
    drawn: Sequence[Sequence[int]] | None = None  # by place of the row: its own of the `shots`; None: all
    other_rows: Sequence[Row] = ()  # rows of the same file that belong to other splits
    content: str | None = None

    name = ""
    version = 0
    metric = ""
    chats = False
    stops: ClassVar[tuple[str, ...]] = ()
    hub: ClassVar[Hub] = NOT_ON_HUB
    columns: ClassVar[tuple[str, ...]]
    lists: ClassVar[tuple[str, ...]] = ()  # the columns that hold lists of texts
    aliases: ClassVar[Mapping[str, str]] = {}  # other names that files use for columns
    between: ClassVar[str] = "\n\n"  # what follows a few-shot example
    shot_split: ClassVar[str] = "train"

    @property
    def size(self) -> int:
        """The number of rows in the split."""
        return len(self.rows)

    def question(self, row: Row) -> str:
        """What the model is asked."""
        raise NotImplementedError(f"{self.name} has no question(row)")

    def solution(self, row: Row) -> str:
        """The row's own solution, as the model would have to write it after the question."""
        raise NotImplementedError(f"{self.name} has no solution(row)")

    def chat(self, row: Row) -> Chat | None:
        """How the question is asked in a chat, if not simply as it is."""
        return None

    def check(self, row: Row) -> Any:
        """What the scorer needs to know."""
        raise NotImplementedError(f"{self.name} has no check(row)")

    def label(self, row: Row, place: int) -> str:
        """The id of the row's example; `place` is the row's index in the file."""
        return f"{self.name}-{place}"

    def belongs(self, row: Row, split: str) -> bool:
        """Whether the row belongs to that split; all rows of a file do, unless the rows themselves say otherwise."""
        return True

    def preceding(self, place: int) -> Shots:
        """The few-shot examples before the question at that place."""
        shots = self.shots if self.drawn is None else [self.shots[number] for number in self.drawn[place]]
        return tuple((self.question(shot), self.solution(shot)) for shot in shots)

    def score(self, answer: str, example: Example) -> Score:
        raise NotImplementedError(f"{self.name} has no score(answer, example)")

    def fault(self, row: Row) -> str | None:
        """Why the row cannot be asked or scored, in a few words; None if it can."""
        for column in self.columns:
            value = row[column]
            if is_empty(value):
                return f"{column} is empty"
            if column in self.lists:
                if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                    return f"{column}={value!r:.80}: must be a list of texts"
            elif isinstance(value, bool) or not isinstance(value, str | int | float):
                return f"{column}={value!r:.80}: must be text or a number"
        return None

    def opened(self, settings: TaskSettings) -> Benchmark:
        """The task with its rows. Raises ValueError, one line, if they cannot be read or one of them is faulty."""
        self._check_revision(settings)
        rows = self._read("task.path", settings.path, settings, settings.split)
        shots = self._choose_shots(settings, rows)
        here = [row for row in rows if self.belongs(row, settings.split)]
        others = [row for row in rows if not self.belongs(row, settings.split)]
        if not here:
            raise ValueError(
                f"task.split={settings.split!r}: none of the {len(rows)} rows of task.path={settings.path!r} "
                "belongs to this split; choose another"
            )
        opened = replace(self, rows=here, shots=shots, other_rows=others, content=digest([*here, *shots]))
        if settings.shot_draw == "same" or not settings.shots:
            return opened
        rng, pool = random.Random(SHOT_SEED), range(len(shots))
        return replace(opened, drawn=[rng.sample(pool, settings.shots) for _ in (*here, *others)])

    def _check_revision(self, settings: TaskSettings) -> None:
        """Raises ValueError for a revision where nothing is read from the hub."""
        from_hub = settings.path is None or (settings.shots and settings.shots_path is None)
        if settings.revision is not None and not from_hub:
            raise ValueError(
                f"task.revision={settings.revision!r}: {settings.path} is a file, which has no revisions; leave it out"
            )

    def _choose_shots(self, settings: TaskSettings, rows: Sequence[Row]) -> Sequence[Row]:
        """The few-shot examples, or those to draw from: of the training split, unless a subclass has fixed ones."""
        if not settings.shots:
            return []
        pool = self._read("task.shots_path", settings.shots_path, settings, self.shot_split)
        if settings.shots > len(pool):
            raise ValueError(f"task.shots={settings.shots}: only {len(pool)} rows are available; lower it")
        return pool if settings.shot_draw != "same" else random.Random(SHOT_SEED).sample(pool, settings.shots)

    def _first_shots(self, settings: TaskSettings, pool: Sequence[Row]) -> Sequence[Row]:
        """The first of the benchmark's own few-shot examples. Raises ValueError, one line."""
        for key in ("shots_path", "shot_draw"):
            if (given := getattr(settings, key)) != getattr(TaskSettings, key):
                raise ValueError(
                    f"task.{key}={given!r}: the few-shot examples of {self.name} are fixed; leave it out"
                )
        if settings.shots > len(pool):
            raise ValueError(
                f"task.shots={settings.shots}: {self.name} has {len(pool)} few-shot examples of its own; lower it"
            )
        return pool[: settings.shots]

    def _read(self, key: str, path: str | None, settings: TaskSettings, split: str) -> list[Row]:
        if path is not None:
            rows, place = read_file(key, path, self.columns, self.aliases), path
        elif self.hub == NOT_ON_HUB:
            raise ValueError(f"{key}=null: the rows of {self.name} are not on the hub; give {key}=FILE")
        else:
            rows, place = self._from_hub(key, settings.revision, split), self.hub.id
        check_rows(key, place, rows, self.label, self.fault)
        return rows

    def _from_hub(self, key: str, revision: str | None, split: str) -> list[Row]:
        return read_hub(key, self.hub, revision, split, self.columns)

    def examples(self, split: Split, seed: int, count: int) -> list[Example]:
        """The first ``count`` rows, or all if there are fewer, in the order given by ``seed``."""
        order = list(range(len(self.rows)))
        random.Random(f"{self.name} {seed}").shuffle(order)
        return [self._example(self.rows[place], place) for place in order[:count]]

    def every(self) -> list[Example]:
        """All rows of the file, of every split: those of the chosen split first."""
        return [self._example(row, place) for place, row in enumerate([*self.rows, *self.other_rows])]

    def _example(self, row: Row, place: int) -> Example:
        return Example(
            id=self.label(row, place),
            prompt=self.question(row),
            reference=self.solution(row),
            check=self.check(row),
            shots=self.preceding(place),
            between=self.between,
            chat=self.chat(row),
        )
