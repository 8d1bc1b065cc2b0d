"""What a task is: examples with prompts, and a score for an answer. Nothing else."""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol, get_args

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as pydantic_dataclass

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
ShotStyle = Literal["text", "turns"]
STRICT = ConfigDict(extra="forbid")
MISSES = 100_000  # draws in a row without a new example of the split: there are no more, or hardly any


@pydantic_dataclass(frozen=True, config=STRICT)
class TaskSettings:
    """Which examples, in which order, and, for a benchmark, where its rows are and what precedes a question."""

    name: str
    split: Split
    seed: int  # of the fixed order of examples
    path: str | None = None  # a local file of rows; None: the hub
    revision: str | None = None  # hub only
    shots: Annotated[int, Field(ge=0)] = 0  # few-shot examples before each question
    shots_path: str | None = None  # a local file of rows for them; None: the hub
    shot_style: ShotStyle = "text"  # in the question's text, or as turns of the chat


ROWS_ONLY = ("path", "revision", "shots", "shots_path", "shot_style")


Shots = tuple[tuple[str, str], ...]  # few-shot examples: question, answer


@dataclass(frozen=True)
class Chat:
    """How a chat is asked, where that is not simply the prompt."""

    request: str
    shots: Shots = ()
    opening: str = ""  # the beginning of the answer, given to the model
    in_turns: bool = False  # the few-shot examples are turns of their own, whatever the settings say


@dataclass(frozen=True)
class Example:
    """One question. ``check`` is what the scorer needs (JSON-like); the decoder never sees it."""

    id: str
    prompt: str
    reference: str
    check: Any
    shots: Shots = ()  # precede the prompt
    between: str = ""  # what separates them in one text
    chat: Chat | None = None

    @property
    def text(self) -> str:
        """Everything as one text to be continued."""
        return self._preceded(self.shots, self.prompt)

    def turns(self, style: ShotStyle) -> list[dict[str, str]]:
        """Everything as turns of a chat, few-shot examples as turns of their own or in the one question's text."""
        chat = self.chat or Chat(self.prompt, self.shots)
        if style == "text" and not chat.in_turns:
            return [_turn("user", self._preceded(chat.shots, chat.request))]
        earlier = [
            turn
            for question, answer in chat.shots
            for turn in (_turn("user", question), _turn("assistant", answer.strip()))
        ]
        return [*earlier, _turn("user", chat.request)]

    def _preceded(self, shots: Shots, prompt: str) -> str:
        return "".join(f"{question}{answer}{self.between}" for question, answer in shots) + prompt


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


@dataclass(frozen=True)
class Score:
    """``value`` in [0, 1]; ``extracted`` is the part of the answer that was judged, None if none was found."""

    value: float
    extracted: str | None
    metrics: Mapping[str, float] = field(default_factory=dict)  # further metrics, by name
    sandbox: str | None = None  # the isolation under which the answer was run; None: it is no program


class Task(Protocol):
    """A named, versioned source of examples with a scorer. Raise ``version`` when either changes."""

    name: str
    version: int
    metric: str  # what a score of 1 means, in a few words for the report

    @property
    def content(self) -> str | None:
        """A hash of the rows; None where a generator makes the examples."""
        ...

    @property
    def size(self) -> int | None:
        """How many examples there are; None where a generator makes them."""
        ...

    def opened(self, settings: TaskSettings) -> Task:
        """The task with its rows at hand. Raises ValueError, one line, where they are not to be had."""
        ...

    def examples(self, split: Split, seed: int, count: int) -> list[Example]:
        """The first ``count`` examples of the split in the fixed order that ``seed`` gives."""
        ...

    def score(self, answer: str, example: Example) -> Score:
        """Judge the answer text (up to, without, its end-of-text)."""
        ...


class GeneratedTask:
    """A task whose examples a seeded generator makes, for ever and offline.

    The split of an example is a function of its prompt alone (a checksum), so no prompt can be in two splits,
    whatever the seeds: training and test are disjoint by construction.
    """

    name: str
    version: int
    metric: str
    content: str | None = None
    size: int | None = None

    def opened(self, settings: TaskSettings) -> GeneratedTask:
        """Raises ValueError for what only a benchmark takes."""
        given = [key for key in ROWS_ONLY if getattr(settings, key) != getattr(TaskSettings, key)]
        if given:
            raise ValueError(
                f"task.{given[0]}={getattr(settings, given[0])!r}: {self.name} makes its examples itself; leave it out"
            )
        return self

    def draw(self, rng: random.Random) -> tuple[str, str, Any]:
        """One random (prompt, a correct answer, check). Where several answers are correct, any one of them."""
        raise NotImplementedError

    def score(self, answer: str, example: Example) -> Score:
        raise NotImplementedError

    def examples(self, split: Split, seed: int, count: int) -> list[Example]:
        """Raises ValueError where the generator has no more prompts to give."""
        rng = random.Random(f"{self.name} {split} {seed}")
        found: dict[str, Example] = {}
        misses = 0
        while len(found) < count and misses < MISSES:
            prompt, reference, check = self.draw(rng)
            misses += 1
            if prompt not in found and split_of(prompt) == split:
                name = f"{self.name}-{zlib.crc32(prompt.encode()):08x}-{len(found)}"
                found[prompt] = Example(name, prompt, reference, check)
                misses = 0
        if len(found) < count:
            raise ValueError(f"limit={count}: {self.name} has {len(found)} examples in {split}; lower limit")
        return list(found.values())


def split_of(prompt: str) -> Split:
    """One prompt in 16 is for testing, one for validation, the rest for training."""
    bucket = zlib.crc32(prompt.encode()) % 16
    return "test" if bucket == 0 else "validation" if bucket == 1 else "train"
