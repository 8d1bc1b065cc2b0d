"""Chains of additions, subtractions and products on 0..29, worked in steps, scored like GSM8K on the last number.

``11; add 5, minus 3; times 2, minus 4=?`` would be answered by ``11+5=16-3=13*2=26-4=22####22``; there are four pairs.
Two additions or subtractions of one pair may change places (``11-3=8+5=13``), as people do, one way as often as the
other. What stands in one place then depends on what stands in the other, and every total on the one before: answers
revealed in parallel use a step twice or guess a total.
"""

from __future__ import annotations

import random
import re
from typing import Any

from pipeline.tasks.task import Example, GeneratedTask, Score

PAIRS = 4  # of steps
LARGEST = 29  # totals stay within 0 and this
Step = tuple[str, int]
NUMBERS = {"+": range(1, 6), "-": range(1, 6), "*": range(2, 4)}
WORDS = {"+": "add", "-": "minus", "*": "times"}
FINAL = re.compile(r"####\s*(-?\d+)")


class Arith(GeneratedTask):
    name = "arith"
    version = 2
    metric = "the number after the last #### is right"

    def draw(self, rng: random.Random) -> tuple[str, str, Any]:
        start = total = rng.randint(0, LARGEST)
        question, working = f"{start}", f"{start}"
        for _ in range(PAIRS):
            pair = _draw_pair(total, rng)
            question += "; " + ", ".join(f"{WORDS[sign]} {number}" for sign, number in pair)
            if _may_change_places(pair) and rng.random() < 0.5:
                pair.reverse()
            for sign, number in pair:
                total = _apply(total, (sign, number))
                working += f"{sign}{number}={total}"
        return f"{question}=?", f"{working}####{total}", total

    def score(self, answer: str, example: Example) -> Score:
        found = FINAL.findall(answer)
        if not found:
            return Score(0.0, None)
        return Score(float(int(found[-1]) == example.check), found[-1])


def _draw_pair(total: int, rng: random.Random) -> list[Step]:
    """Two steps that keep the total in range, in either order where either order is right."""
    while True:
        pair = [(sign, rng.choice(NUMBERS[sign])) for sign in rng.choices("+-*", k=2)]
        orders = [pair, pair[::-1]] if _may_change_places(pair) else [pair]
        if all(_in_range(total, order) for order in orders):
            return pair


def _may_change_places(pair: list[Step]) -> bool:
    return all(sign != "*" for sign, _ in pair)


def _in_range(total: int, steps: list[Step]) -> bool:
    for step in steps:
        total = _apply(total, step)
        if not 0 <= total <= LARGEST:
            return False
    return True


def _apply(total: int, step: Step) -> int:
    sign, number = step
    return total * number if sign == "*" else total + number if sign == "+" else total - number
