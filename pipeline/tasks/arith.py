"""Chains of additions, subtractions and products within 0..29, solved in steps; scored on the last number, as GSM8K is.

A correct answer to ``11; add 5, minus 3; times 2, minus 4=?`` would be ``11+5=16-3=13*2=26-4=22####22``; real questions
have four pairs. Two additions or subtractions of a pair may be done in either order (``11-3=8+5=13``), as people do,
and both orders are equally frequent. What stands in one place thus depends on what stands in the other, and each total
on the one before: answers decoded in parallel use an operation twice or guess a total.
"""

from __future__ import annotations

import random
import re
from typing import Any

from pipeline.tasks.task import Example, GeneratedTask, Score

PAIRS = 4  # of operations
LARGEST = 29  # totals stay between 0 and this
Operation = tuple[str, int]  # sign and number
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
            if _is_commutative(pair) and rng.random() < 0.5:
                pair.reverse()
            for sign, number in pair:
                total = _apply(total, (sign, number))
                working += f"{sign}{number}={total}"
        return f"{question}=?", f"{working}####{total}", total

    def score(self, answer: str, example: Example) -> Score:
        found = FINAL.findall(answer)
        if not found:
            return Score(0.0, None)
        try:
            value = int(found[-1])
        except ValueError:  # it has more digits than Python converts
            return Score(0.0, found[-1])
        return Score(float(value == example.check), found[-1])


def _draw_pair(total: int, rng: random.Random) -> list[Operation]:
    """Two operations that keep the total in range, in both orders if both are correct."""
    while True:
        pair = [(sign, rng.choice(NUMBERS[sign])) for sign in rng.choices("+-*", k=2)]
        orders = [pair, pair[::-1]] if _is_commutative(pair) else [pair]
        if all(_in_range(total, order) for order in orders):
            return pair


def _is_commutative(pair: list[Operation]) -> bool:
    return all(sign != "*" for sign, _ in pair)


def _in_range(total: int, operations: list[Operation]) -> bool:
    for operation in operations:
        total = _apply(total, operation)
        if not 0 <= total <= LARGEST:
            return False
    return True


def _apply(total: int, operation: Operation) -> int:
    sign, number = operation
    return total * number if sign == "*" else total + number if sign == "+" else total - number
