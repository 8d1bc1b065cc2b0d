"""Chains of additions and subtractions on 0..99, worked step by step, scored like GSM8K on the final number.

``17+5-8=?`` is answered by ``17+5=22;22-8=14;####14``. A sum may be written either way round (``5+17=22``),
as people do: the two halves of that choice depend on each other, which is what parallel decoding gets wrong.
"""

from __future__ import annotations

import random
import re
from typing import Any

from pipeline.tasks.task import Example, GeneratedTask, Score

STEPS = (4, 7)
FINAL = re.compile(r"####\s*(-?\d+)")


class Arith(GeneratedTask):
    name = "arith"
    version = 1

    def draw(self, rng: random.Random) -> tuple[str, str, Any]:
        total = rng.randrange(100)
        question, working = f"{total:02d}", ""
        for _ in range(rng.randint(*STEPS)):
            sign, operand = rng.choice(_moves(total))
            after = total + operand if sign == "+" else total - operand
            left, right = f"{total:02d}", str(operand)
            if sign == "+" and rng.random() < 0.5:
                left, right = right, left
            question += f"{sign}{operand}"
            working += f"{left}{sign}{right}={after:02d};"
            total = after
        return f"{question}=?", f"{working}####{total:02d}", total

    def score(self, answer: str, example: Example) -> Score:
        found = FINAL.findall(answer)
        if not found:
            return Score(0.0, None)
        return Score(float(int(found[-1]) == example.check), found[-1])


def _moves(total: int) -> list[tuple[str, int]]:
    """The single-digit steps that stay within 0..99."""
    return [("+", d) for d in range(1, 10) if total + d <= 99] + [
        ("-", d) for d in range(1, 10) if total - d >= 0
    ]
