"""Chains of additions and subtractions on 0..29, worked step by step, scored like GSM8K on the final number.

``17+5-3=?`` is answered by ``+5=22-3=19####19``: one step after the other, each with the running total. Steps may
change places in pairs (``-3=14+5=19``), as people do. What stands in one place then depends on what stands in the
other, and every total on the one before: answers revealed in parallel use a step twice or guess a total.
"""

from __future__ import annotations

import random
import re
from typing import Any

from pipeline.tasks.task import Example, GeneratedTask, Score

STEPS = (6, 9)
LARGEST = 29  # totals stay within 0 and this
MOVES = tuple(step for step in range(-5, 6) if step)
REVERSED = 0.5  # how often a pair of steps changes places
FINAL = re.compile(r"####\s*(-?\d+)")


class Arith(GeneratedTask):
    name = "arith"
    version = 1

    def draw(self, rng: random.Random) -> tuple[str, str, Any]:
        start = total = rng.randint(0, LARGEST)
        steps = []
        for _ in range(rng.randint(*STEPS)):
            step = rng.choice([move for move in MOVES if 0 <= total + move <= LARGEST])
            total += step
            steps.append(step)
        question = f"{start}" + "".join(f"{step:+d}" for step in steps)
        return f"{question}=?", f"{_working(start, steps, rng)}####{total}", total

    def score(self, answer: str, example: Example) -> Score:
        found = FINAL.findall(answer)
        if not found:
            return Score(0.0, None)
        return Score(float(int(found[-1]) == example.check), found[-1])


def _working(start: int, steps: list[int], rng: random.Random) -> str:
    """The steps with their running totals, pairs of them reversed at random where that stays in range."""
    text, total = "", start
    for first, *rest in (steps[k : k + 2] for k in range(0, len(steps), 2)):
        pair = [first, *rest]
        if 0 <= total + pair[-1] <= LARGEST and rng.random() < REVERSED:
            pair.reverse()
        for step in pair:
            total += step
            text += f"{step:+d}={total}"
    return text
