"""What a task is: examples with prompts, and a score for each answer."""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Annotated, Any, Literal, Protocol

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as pydantic_dataclass

from pipeline.accident import exit_told

Split = Literal["train", "validation", "test"]
ShotStyle = Literal["text", "turns"]
ShotDraw = Literal["same", "per_question"]
Form = Literal["completion", "instruct", "opencompass", "opencompass_8e312c"]
STRICT = ConfigDict(extra="forbid")
MISSES = 100_000  # after so many draws without a new example of the split, there are none left, or hardly any


@pydantic_dataclass(frozen=True, config=STRICT)
class TaskSettings:
    """Which examples, in which order, and for a benchmark also where its rows are and what precedes a question."""

    name: str
    split: Split
    seed: int  # of the fixed order of examples
    path: str | None = None  # a local file of rows; None: from the hub
    revision: str | None = None  # hub only
    shots: Annotated[int, Field(ge=0)] = 0  # few-shot examples before each question
    shots_path: str | None = None  # a local file of rows for them; None: from the hub
    shot_style: ShotStyle = "text"  # within the question's text, or as turns of the chat
    shot_draw: ShotDraw = "same"  # for every question, or drawn anew for each as lm-eval does
    form: Form | None = None  # the wording; None: instruct in a chat where the task has it, else completion


ROWS_ONLY = ("path", "revision", "shots", "shots_path", "shot_style", "shot_draw")


Shots = tuple[tuple[str, str], ...]  # few-shot examples: question, answer


@dataclass(frozen=True)
class Chat:
    """How the question is asked in a chat, if not simply by the prompt."""

    request: str
    shots: Shots = ()
    opening: str = ""  # the beginning of the answer, which the model is given
    in_turns: bool = (
        False  # few-shot examples are turns of the chat, word for word, whatever the settings say
    )


@dataclass(frozen=True)
class Example:
    """One question. ``check`` is what the scorer needs to know (JSON-like); the decoder never sees it."""

    id: str
    prompt: str
    reference: str  # a correct solution
    check: Any
    shots: Shots = ()  # precede the prompt
    between: str = ""  # what separates them in one text
    chat: Chat | None = None

    def __post_init__(self) -> None:
        for name in ("id", "prompt", "reference"):
            if not isinstance(given := getattr(self, name), str):
                raise ValueError(f"an example's {name} is {given!r:.80}; make it text")

    @property
    def text(self) -> str:
        """The few-shot examples and the prompt as one text to be continued."""
        return self._preceded(self.shots, self.prompt)

    def turns(self, form: Form, style: ShotStyle) -> tuple[list[dict[str, str]], str]:
        """The same as a chat in one of the wordings, and the beginning of the answer, which the model is given.

        The few-shot examples are turns of their own or within the question's text.
        """
        chat = self.chat if self.chat and form != "completion" else Chat(self.prompt, self.shots)
        if style == "text" and not chat.in_turns:
            return [_turn("user", self._preceded(chat.shots, chat.request))], chat.opening
        earlier = [
            turn
            for question, answer in chat.shots
            for turn in (
                _turn("user", question),
                _turn("assistant", answer if chat.in_turns else answer.strip()),
            )
        ]
        return [*earlier, _turn("user", chat.request)], chat.opening

    def _preceded(self, shots: Shots, prompt: str) -> str:
        return "".join(f"{question}{answer}{self.between}" for question, answer in shots) + prompt


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


@dataclass(frozen=True)
class Score:
    """``value`` is in [0, 1]; ``extracted`` is the part of the answer that was scored, None if none was found.

    Raises ValueError for what a record can't hold.
    """

    value: float
    extracted: str | None
    metrics: Mapping[str, float] = field(default_factory=dict)  # further metrics, by name
    sandbox: str | None = None  # the isolation in which the answer was run; None: it was not run

    def __post_init__(self) -> None:
        if not isinstance(self.value, Real) or not 0.0 <= self.value <= 1.0:
            raise ValueError(f"score {self.value!r:.80}: is no number from 0 to 1")
        if not isinstance(self.extracted, str | None):
            raise ValueError(
                f"score's extracted {self.extracted!r:.80}: is no text; give the text that was read, or None"
            )
        for name, value in self.metrics.items():
            if not isinstance(name, str) or not isinstance(value, Real):
                raise ValueError(f"score's metric {name!r:.80}: is {value!r:.80}, no number; give a number")


def score_of(task: Task, answer: str, example: Example) -> Score:
    """The task's own score. Raises what its scorer raises, RuntimeError where that ends the process, and TypeError, one
    line, where it gives no score."""
    with exit_told():
        score: object = task.score(answer, example)
    if not isinstance(score, Score):
        raise TypeError(f"{task.name}.score returns a {type(score).__name__}; let it return a Score")
    return score


class Task(Protocol):
    """A named, versioned source of examples with a scorer. Raise ``version`` whenever either changes."""

    name: str
    version: int
    metric: str  # what a score of 1 means, in a few words for the report
    chats: bool  # whether it has a wording of its own for chats
    stops: tuple[
        str, ...
    ]  # end an answer, and may be special tokens, which the answer's text no longer shows

    @property
    def content(self) -> str | None:
        """A hash of the rows; None if the examples are generated."""
        ...

    @property
    def size(self) -> int | None:
        """The number of examples; None if they are generated."""
        ...

    def opened(self, settings: TaskSettings) -> Task:
        """The task with its rows. Raises ValueError, one line, if they cannot be read."""
        ...

    def examples(self, split: Split, seed: int, count: int) -> list[Example]:
        """The first ``count`` examples of the split in the fixed order given by ``seed``."""
        ...

    def score(self, answer: str, example: Example) -> Score:
        """Score the answer, which is the text before its end-of-text."""
        ...


class GeneratedTask:
    """A task whose examples come from a seeded generator, without limit and offline.

    The split of an example is a function of its prompt alone (a checksum), so that no prompt can be in two splits,
    whatever the seeds: training and test sets are disjoint by construction.
    """

    name: str
    version: int
    metric: str
    chats: bool = False
    stops: tuple[str, ...] = ()
    content: str | None = None
    size: int | None = None

    def opened(self, settings: TaskSettings) -> GeneratedTask:
        """Raises ValueError for settings that only a benchmark has."""
        given = [key for key in ROWS_ONLY if getattr(settings, key) != getattr(TaskSettings, key)]
        if given:
            raise ValueError(
                f"task.{given[0]}={getattr(settings, given[0])!r}: {self.name} generates its examples; leave it out"
            )
        return self

    def draw(self, rng: random.Random) -> tuple[str, str, Any]:
        """A random example: prompt, reference (any one if several are correct) and check."""
        raise NotImplementedError(f"{self.name} has no draw(rng)")

    def score(self, answer: str, example: Example) -> Score:
        raise NotImplementedError(f"{self.name} has no score(answer, example)")

    def examples(self, split: Split, seed: int, count: int) -> list[Example]:
        """Raises ValueError if the generator has no more prompts to offer."""
        rng = random.Random(f"{self.name} {split} {seed}")
        found: dict[str, Example] = {}
        misses = 0
        while len(found) < count and misses < MISSES:
            drawn: object = self.draw(rng)
            if not isinstance(drawn, tuple) or len(drawn) != 3 or not isinstance(drawn[0], str):
                rule = "let it return a tuple: prompt (text), reference, check"
                raise ValueError(f"{self.name}.draw returns {drawn!r:.80}; {rule}")
            prompt, reference, check = drawn
            misses += 1
            if prompt not in found and split_of(prompt) == split:
                name = f"{self.name}-{zlib.crc32(prompt.encode()):08x}-{len(found)}"
                found[prompt] = Example(name, prompt, reference, check)
                misses = 0
        if len(found) < count:
            raise ValueError(f"limit={count}: {self.name} has {len(found)} examples in {split}; lower limit")
        return list(found.values())


def split_of(prompt: str) -> Split:
    """One prompt in 16 is for testing, one for validation, and the others are for training."""
    bucket = zlib.crc32(prompt.encode()) % 16
    return "test" if bucket == 0 else "validation" if bucket == 1 else "train"
