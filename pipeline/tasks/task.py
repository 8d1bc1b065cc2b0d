"""What a task is: examples with prompts, and a score for an answer. Nothing else."""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Example:
    """One question. ``check`` is what the scorer needs (JSON-like); the decoder never sees it."""

    id: str
    prompt: str
    reference: str
    check: Any


@dataclass(frozen=True)
class Score:
    """``value`` in [0, 1]; ``extracted`` is the part of the answer that was judged, None if none was found."""

    value: float
    extracted: str | None


class Task(Protocol):
    """A named, versioned source of examples with a scorer. Raise ``version`` when either changes."""

    name: str
    version: int

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

    def draw(self, rng: random.Random) -> tuple[str, str, Any]:
        """One random (prompt, a correct answer, check). Where several answers are correct, any one of them."""
        raise NotImplementedError

    def score(self, answer: str, example: Example) -> Score:
        raise NotImplementedError

    def examples(self, split: Split, seed: int, count: int) -> list[Example]:
        rng = random.Random(f"{self.name} {split} {seed}")
        found: dict[str, Example] = {}
        while len(found) < count:
            prompt, reference, check = self.draw(rng)
            if prompt not in found and split_of(prompt) == split:
                name = f"{self.name}-{zlib.crc32(prompt.encode()):08x}-{len(found)}"
                found[prompt] = Example(name, prompt, reference, check)
        return list(found.values())


def split_of(prompt: str) -> Split:
    """One prompt in 16 is for testing, one for validation, the rest for training."""
    bucket = zlib.crc32(prompt.encode()) % 16
    return "test" if bucket == 0 else "validation" if bucket == 1 else "train"
