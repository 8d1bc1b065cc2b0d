"""Short list edits, scored by exact match: copy, reverse, sort, insert, remove, replace, one or two in a row.

The answer to ``sort reverse KDWAZ:`` is ``ZWKDA``. ``insert Q `` leaves a choice: any place is correct, and so is every
list that results. What stands in one place depends on what stands in the others, so that items revealed together come
out doubled or missing (as in ParallelBench's "waiting line").
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Any

from pipeline.tasks.task import Example, GeneratedTask, Score

LENGTHS = (7, 13)
EDITS = (1, 2)
Edit = Callable[[str], list[str]]  # every correct result
Kind = Callable[
    [str, random.Random], tuple[str, Edit]
]  # items -> the words that ask for the edit, and the edit


def _copy(items: str, rng: random.Random) -> tuple[str, Edit]:
    return "copy ", lambda text: [text]


def _reverse(items: str, rng: random.Random) -> tuple[str, Edit]:
    return "reverse ", lambda text: [text[::-1]]


def _sort(items: str, rng: random.Random) -> tuple[str, Edit]:
    return "sort ", lambda text: ["".join(sorted(text))]


def _insert_after(items: str, rng: random.Random) -> tuple[str, Edit]:
    new, anchor = _absent(items, rng), rng.choice(items)
    return f"insert {new}>{anchor} ", lambda text: [text.replace(anchor, anchor + new)]


def _insert(items: str, rng: random.Random) -> tuple[str, Edit]:
    new = _absent(items, rng)
    return f"insert {new} ", lambda text: [text[:k] + new + text[k:] for k in range(len(text) + 1)]


def _remove(items: str, rng: random.Random) -> tuple[str, Edit]:
    gone = rng.choice(items)
    return f"remove {gone} ", lambda text: [text.replace(gone, "")]


def _replace(items: str, rng: random.Random) -> tuple[str, Edit]:
    old, new = rng.choice(items), _absent(items, rng)
    return f"replace {old}>{new} ", lambda text: [text.replace(old, new)]


KINDS: tuple[Kind, ...] = (_copy, _reverse, _sort, _insert_after, _insert, _remove, _replace)


class Lists(GeneratedTask):
    name = "lists"
    version = 2
    metric = "the list is a possible result of the edits"

    def __init__(self, kinds: tuple[Kind, ...] = KINDS) -> None:
        self.kinds = kinds

    def draw(self, rng: random.Random) -> tuple[str, str, Any]:
        """``check`` holds every correct result, sorted."""
        items = "".join(rng.sample(string.ascii_uppercase, rng.randint(*LENGTHS)))
        question, result, correct = "", items, {items}
        for kind in rng.sample(self.kinds, rng.randint(*EDITS)):
            # Items are named from the result so far; which of the choices led to it is not visible in the question.
            words, edit = kind(result, rng)
            question += words
            result = rng.choice(edit(result))
            correct = {edited for text in correct for edited in edit(text)}
        return f"{question}{items}:", result, sorted(correct)

    def score(self, answer: str, example: Example) -> Score:
        return Score(float(answer in example.check), answer)


def _absent(items: str, rng: random.Random) -> str:
    return rng.choice([letter for letter in string.ascii_uppercase if letter not in items])
