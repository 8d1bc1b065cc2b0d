"""ParallelBench's 4 x 4 sudoku with eight of the sixteen cells open.

The question, few-shot example and both scores are those of furiosa-ai/ParallelBench (sudoku_n4 in puzzles.yaml). An
answer is correct if it is the grid from which the puzzle was made. The loose score reads the lines that contain exactly
four digits, and requires four such lines; the strict one requires four lines of four digits and nothing else but
whitespace.

What differs: only puzzles with a unique solution are drawn. The benchmark opens any eight cells, and 20 % of all ways
to do so (288 grids x 12,870, counted) leave several solutions, of which it accepts one, so that from the puzzle alone
nobody can expect more than 90 %. Grids are drawn uniformly, from our seeds, among 2,961,024 puzzles instead of its 100.
The paper's tables are about a different task, sudoku_n4_12: 108 puzzles from other work with four open cells, written
as 0, and a different question.
"""

from __future__ import annotations

import random
import re
from typing import Any

from pipeline.tasks.one_shot import OneShot, both
from pipeline.tasks.task import Example, Score

SIZE, BOX = 4, 2
CELLS = range(SIZE * SIZE)  # row by row
DIGITS = "1234"
HOLES = 8
QUESTION = (
    "Solve the following {size}x{size} Sudoku puzzle. Replace each _ with a digit from 1 to {size}. "
    "Only output the final result.\n\n{puzzle}"
)
SHOT = "_41_\n_2_3\n__3_\n4_21", "3412\n1243\n2134\n4321"
DIGIT = re.compile(r"\d")
ROW = re.compile(r"\d{4}")


def _groups(cell: int) -> set[tuple[str, int, int]]:
    """The row, column and box of the cell."""
    row, column = divmod(cell, SIZE)
    return {("row", row, 0), ("column", column, 0), ("box", row // BOX, column // BOX)}


PEERS = [[other for other in range(cell) if _groups(other) & _groups(cell)] for cell in CELLS]


def _complete() -> list[str]:
    """Every valid grid, row by row as a string of sixteen digits."""
    grids = [""]
    for cell in CELLS:
        grids = [
            grid + digit
            for grid in grids
            for digit in DIGITS
            if digit not in {grid[other] for other in PEERS[cell]}
        ]
    return grids


GRIDS = _complete()
# By cell and digit: the set of grids with the digit there, as the bits of an integer.
HAVING = [
    {digit: sum(1 << n for n, grid in enumerate(GRIDS) if grid[cell] == digit) for digit in DIGITS}
    for cell in CELLS
]


class Sudoku(OneShot):
    """``check`` is the solution as text."""

    name = "sudoku_n4"

    def shot(self) -> tuple[str, str]:
        return _question(SHOT[0]), SHOT[1]

    def ask(self, rng: random.Random) -> tuple[str, str, Any]:
        while True:
            grid, holes = rng.choice(GRIDS), set(rng.sample(CELLS, HOLES))
            puzzle = ["_" if cell in holes else grid[cell] for cell in CELLS]
            if solutions(puzzle) == 1:
                return _question(_written(puzzle)), _written(grid), _written(grid)

    def score(self, answer: str, example: Example) -> Score:
        lines = [line.strip() for line in answer.split("\n") if line.strip()]
        rows = [digits for line in lines if len(digits := DIGIT.findall(line)) == SIZE]
        grid = "\n".join("".join(str(int(digit)) for digit in row) for row in rows)
        right = grid == example.check
        return both(right, right and all(ROW.fullmatch(line) for line in lines), grid or None)


def solutions(puzzle: list[str]) -> int:
    """The number of grids that agree with the puzzle: sixteen cells row by row, each a digit or ``_``."""
    grids = (1 << len(GRIDS)) - 1
    for cell in CELLS:
        grids &= HAVING[cell].get(puzzle[cell], grids)
    return grids.bit_count()


def _question(puzzle: str) -> str:
    return QUESTION.format(size=SIZE, puzzle=puzzle)


def _written(cells: str | list[str]) -> str:
    return "\n".join("".join(cells[start : start + SIZE]) for start in range(0, len(cells), SIZE))
