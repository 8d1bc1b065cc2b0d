"""ParallelBench's Latin square: any 4 x 4 square with each of four given symbols once in every row and column.

The question, few-shot example and score are those of furiosa-ai/ParallelBench (latin_square_n4 in puzzles.yaml; the
paper's question ends at "CSV"). Lines that do not consist of just the four symbols are skipped, and the first four
others are read; the strict and loose scores are the same. It follows that a fifth cell that repeats a symbol of its
row goes unnoticed. What differs: the symbols are drawn from our seeds, without limit, where it has 100 questions.
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
SHOT = "HT6P", "6,P,H,T\nP,H,T,6\nH,T,6,P\nT,6,P,H"


class LatinSquare(OneShot):
    """``check`` is the symbols, one character each."""

    name = "latin_square_n4"

    def shot(self) -> tuple[str, str]:
        return _question(SHOT[0]), SHOT[1]

    def ask(self, rng: random.Random) -> tuple[str, str, Any]:
        symbols = "".join(rng.sample(SYMBOLS, SIZE))
        rows, columns = rng.sample(range(SIZE), SIZE), rng.sample(range(SIZE), SIZE)
        square = [[symbols[(row + column) % SIZE] for column in columns] for row in rows]
        return _question(symbols), _written(square), symbols

    def score(self, answer: str, example: Example) -> Score:
        symbols = set(example.check)
        lines = [[cell.strip() for cell in line.split(",")] for line in answer.split("\n")]
        rows = [line for line in lines if set(line) == symbols][:SIZE]
        # Not strict: columns end with the shortest row, as in the benchmark.
        right = len(rows) == SIZE and all(set(column) == symbols for column in zip(*rows, strict=False))
        return both(right, right, _written(rows) or None)


def _question(symbols: str) -> str:
    return QUESTION.format(size=SIZE, symbols=", ".join(symbols))


def _written(square: list[list[str]]) -> str:
    return "\n".join(",".join(row) for row in square)
