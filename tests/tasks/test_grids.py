"""ParallelBench's Latin square and sudoku: how answers may be written, and which of all grids score."""

from __future__ import annotations

import itertools

import pytest

from pipeline.tasks import get_task
from pipeline.tasks.sudoku import solutions
from tests.tasks.judged import judged

# Answer -> score, for the symbols A, B, 1, 2 in a Latin square; strict and loose are the same.
SQUARE = "A,B,1,2\nB,A,2,1\n1,2,A,B\n2,1,B,A"
LATIN = {
    SQUARE: 1,
    SQUARE.replace(",", ", "): 1,
    SQUARE.replace("\n", "\n\n"): 1,
    f"Here you are:\n{SQUARE}\nDone": 1,
    f"{SQUARE}\n{SQUARE}": 1,
    SQUARE.lower(): 0,
    SQUARE.replace(",", ""): 0,
    SQUARE.replace(",", ";"): 0,
    SQUARE.replace("\n", " "): 0,
    f"```csv\n{SQUARE}\n```": 1,
    f"A,B,1,2\n{SQUARE}": 0,  # the first four valid lines count
    f"A,B,1,1\n{SQUARE}": 1,  # a line with other symbols is skipped
    SQUARE.replace("A,B,1,2", "A,B,1,2,2"): 1,  # a fifth cell with one of the four symbols goes unnoticed
    SQUARE.replace("A,B,1,2", "A,A,B,1,2"): 0,
    SQUARE.replace("A,B,1,2", "A,B,1,2,3"): 0,
    SQUARE[:-1]: 0,
    SQUARE[2:]: 0,
    "": 0,
}


@pytest.mark.parametrize(("answer", "expected"), LATIN.items())
def test_how_a_latin_square_may_be_written(answer: str, expected: int) -> None:
    score = judged("latin_square_n4", answer, "AB12")
    assert score.metrics == {"loose": expected, "strict": expected}


@pytest.mark.slow
@pytest.mark.parametrize("first", ["AB12", "2A1B"])
def test_all_latin_squares_score_and_no_other_squares(first: str) -> None:
    rows = list(itertools.permutations("AB12"))
    right = 0
    for rest in itertools.product(rows, repeat=3):
        square = [tuple(first), *rest]
        latin = all(len({row[k] for row in square}) == 4 for k in range(4))
        right += latin
        assert judged("latin_square_n4", "\n".join(map(",".join, square)), "AB12").value == latin
    assert right == 24  # 576 in all


def test_a_latin_square_with_one_changed_row_does_not_score() -> None:
    rows = SQUARE.split("\n")
    for place, row in itertools.product(range(4), itertools.product("AB12", repeat=4)):
        changed = "\n".join([*rows[:place], ",".join(row), *rows[place + 1 :]])
        assert judged("latin_square_n4", changed, "AB12").value == (changed == SQUARE)


# Answer -> loose, strict, for one solution of a sudoku.
SOLUTION = "1234\n3412\n2143\n4321"
SUDOKU = {
    SOLUTION: (1, 1),
    f"\n {SOLUTION}\n\n": (1, 1),
    SOLUTION.replace("\n", "\n\n"): (1, 1),
    SOLUTION.replace("\n", " \n  "): (1, 1),
    f"The solution:\n{SOLUTION}": (1, 0),
    f"```\n{SOLUTION}\n```": (1, 0),
    SOLUTION.replace("2", " 2"): (1, 0),
    SOLUTION.replace("1", "1,"): (1, 0),
    SOLUTION.replace("2", "|2"): (1, 0),
    f"4x4:\n{SOLUTION}": (1, 0),
    f"2024\n{SOLUTION}": (0, 0),
    f"{SOLUTION}\n{SOLUTION}": (0, 0),
    SOLUTION.replace("\n", ""): (0, 0),
    SOLUTION.replace("\n", " "): (0, 0),
    f"{SOLUTION}\n1": (1, 0),
    SOLUTION[:-1]: (0, 0),
    SOLUTION[:-5]: (0, 0),
    "2143\n4321\n1234\n3412": (0, 0),  # another grid
    "": (0, 0),
}


@pytest.mark.parametrize(("answer", "expected"), SUDOKU.items())
def test_how_a_sudoku_may_be_written(answer: str, expected: tuple[int, int]) -> None:
    others = judged("sudoku_n4", answer, SOLUTION).metrics
    assert (others["loose"], others["strict"]) == expected


def valid(cells: tuple[str, ...]) -> bool:
    """By the rules of a 4 x 4 sudoku, cells row by row."""
    rows = [cells[k : k + 4] for k in (0, 4, 8, 12)]
    boxes = [cells[k : k + 2] + cells[k + 4 : k + 6] for k in (0, 2, 8, 10)]
    return all(len(set(group)) == 4 for group in [*rows, *zip(*rows, strict=True), *boxes])


@pytest.mark.slow
def test_of_all_ways_to_fill_a_puzzle_only_the_valid_one_scores() -> None:
    for example in get_task("sudoku_n4").examples("test", 5, 2):
        puzzle = example.prompt.rpartition("\n\n")[2].replace("\n", "")
        holes = [cell for cell, digit in enumerate(puzzle) if digit == "_"]
        assert len(holes) == 8 and len(puzzle) == 16
        right = 0
        for digits in itertools.product("1234", repeat=8):
            cells = list(puzzle)
            for cell, digit in zip(holes, digits, strict=True):
                cells[cell] = digit
            grid = "\n".join("".join(cells[k : k + 4]) for k in (0, 4, 8, 12))
            fits = valid(tuple(cells))
            right += fits
            assert judged("sudoku_n4", grid, example.check).metrics == {"loose": fits, "strict": fits}
        assert right == 1


@pytest.mark.slow
def test_exactly_one_grid_agrees_with_a_puzzle_and_only_it_scores() -> None:
    rows = list(itertools.permutations("1234"))
    grids = [sum(four, ()) for four in itertools.product(rows, repeat=4) if valid(sum(four, ()))]
    assert len(grids) == 288
    for example in get_task("sudoku_n4").examples("train", 0, 50):
        puzzle = example.prompt.rpartition("\n\n")[2].replace("\n", "")
        for grid in grids:
            agrees = all(clue in ("_", digit) for clue, digit in zip(puzzle, grid, strict=True))
            text = "\n".join("".join(grid[k : k + 4]) for k in (0, 4, 8, 12))
            assert judged("sudoku_n4", text, example.check).metrics["strict"] == agrees


def test_an_empty_sudoku_has_every_grid_as_a_solution() -> None:
    """Of four by four there are 288."""
    assert solutions(["_"] * 16) == 288
