"""ParallelBench's Latin square: any 4 x 4 square that has each of four given symbols once in every row and column.

Question, few-shot example and score are those of furiosa-ai/ParallelBench (latin_square_n4 in puzzles.yaml; the paper's
question ends at "CSV"). Lines that are not made of just the four symbols are skipped, and the first four others are
the answer; strict and loose are one score there. By the same rule a cell behind the fourth that repeats a symbol of
its row is not seen. What differs: the symbols are drawn by our seeds, without end where it has 100 questions.
"""

from __future__ import annotations

import random
import string
from typing import Any

from pipeline.tasks.one_shot import OneShot, both
from pipeline.tasks.task import Example, Score

SIZE = 4
SYMBOLS = string.ascii_uppercase + string.digits
QUESTION = (
    "Generate a Latin square of size {size} with the symbols [{symbols}]. "
    "Only output the final result as CSV without header."
)
WORKED = "HT6P", "6,P,H,T\nP,H,T,6\nH,T,6,P\nT,6,P,H"


class LatinSquare(OneShot):
    """``check`` is the symbols, one character each."""

    name = "latin_square_n4"

    def worked(self) -> tuple[str, str]:
        return _question(WORKED[0]), WORKED[1]

    def ask(self, rng: random.Random) -> tuple[str, str, Any]:
        symbols = "".join(rng.sample(SYMBOLS, SIZE))
        rows, columns = rng.sample(range(SIZE), SIZE), rng.sample(range(SIZE), SIZE)
        square = [[symbols[(row + column) % SIZE] for column in columns] for row in rows]
        return _question(symbols), _written(square), symbols

    def score(self, answer: str, example: Example) -> Score:
        symbols = set(example.check)
        lines = [[cell.strip() for cell in line.split(",")] for line in answer.split("\n")]
        rows = [line for line in lines if set(line) == symbols][:SIZE]
        # Not strict: a column ends where the shortest row does, as in the benchmark.
        right = len(rows) == SIZE and all(set(column) == symbols for column in zip(*rows, strict=False))
        return both(right, right, _written(rows) or None)


def _question(symbols: str) -> str:
    return QUESTION.format(size=SIZE, symbols=", ".join(symbols))


def _written(square: list[list[str]]) -> str:
    return "\n".join(",".join(row) for row in square)
