"""Short list edits, scored by exact match: copy, reverse, sort, insert, remove, replace, one or two in a row.

``sort reverse KDWAZ:`` is answered by ``ZWKDA``. What stands at one place depends on what stands at the others,
so outputs revealed together come out with doubled and missing items (ParallelBench's "waiting line").
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Any

from pipeline.tasks.task import Example, GeneratedTask, Score

LENGTHS = (6, 12)
EDITS = (1, 2)
Edit = Callable[[list[str], random.Random], tuple[str, list[str]]]


def _copy(items: list[str], rng: random.Random) -> tuple[str, list[str]]:
    return "copy ", items


def _reverse(items: list[str], rng: random.Random) -> tuple[str, list[str]]:
    return "reverse ", items[::-1]


def _sort(items: list[str], rng: random.Random) -> tuple[str, list[str]]:
    return "sort ", sorted(items)


def _insert(items: list[str], rng: random.Random) -> tuple[str, list[str]]:
    new, anchor = rng.choice(_absent(items)), rng.choice(items)
    place = items.index(anchor) + 1
    return f"insert {new}>{anchor} ", [*items[:place], new, *items[place:]]


def _remove(items: list[str], rng: random.Random) -> tuple[str, list[str]]:
    gone = rng.choice(items)
    return f"remove {gone} ", [item for item in items if item != gone]


def _replace(items: list[str], rng: random.Random) -> tuple[str, list[str]]:
    old, new = rng.choice(items), rng.choice(_absent(items))
    return f"replace {old}>{new} ", [new if item == old else item for item in items]


EDIT_KINDS: tuple[Edit, ...] = (_copy, _reverse, _sort, _insert, _remove, _replace)


class Lists(GeneratedTask):
    name = "lists"
    version = 1

    def draw(self, rng: random.Random) -> tuple[str, str, Any]:
        items = rng.sample(string.ascii_uppercase, rng.randint(*LENGTHS))
        question, result = "", items
        for edit in rng.sample(EDIT_KINDS, rng.randint(*EDITS)):
            words, result = edit(result, rng)
            question += words
        answer = "".join(result)
        return f"{question}{''.join(items)}:", answer, answer

    def score(self, answer: str, example: Example) -> Score:
        return Score(float(answer == example.check), answer)


def _absent(items: list[str]) -> list[str]:
    return [letter for letter in string.ascii_uppercase if letter not in items]
