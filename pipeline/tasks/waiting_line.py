"""ParallelBench's ten "waiting line" tasks: copy, sort or edit a list of three to six people.

Questions, few-shot examples, lengths and both scores are those of furiosa-ai/ParallelBench (waiting_line.yaml and
metrics.py there). The loose score reads what is between the last ``[`` and the next ``]``, or everything if there are
none, splits it at commas, and drops spaces and quotes around each item; the strict one requires exactly
``["A", "B"]``, within any text. If the position is free, every possible result of the edit is correct. A list is sorted
by whole names, first name first, although the question says by last name: so are the benchmark's own solutions.

What differs: the people (its list of names came without a licence, so this one is our own, of the same kind: first
names combined with last names); the examples, drawn from our seeds without limit where it has 100; and their lengths,
which are random where it has 25 of each. Positions count from 0, as in the paper and the few-shot examples; the
repository's generator has since changed to counting from 1 for remove and replace, which contradicts them. Its harness
also ends answers at the first empty line.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.tasks.one_shot import OneShot, both
from pipeline.tasks.task import Example, Score

LENGTHS = (3, 6)
FIRST = """James Mary John Linda Robert Susan Michael Karen David Nancy William Lisa Richard Betty Joseph Helen
Thomas Sandra Charles Donna Daniel Carol Matthew Ruth Anthony Sharon Mark Michelle Paul Laura Steven Sarah Andrew
Kimberly Kevin Deborah Brian Jessica George Amanda Edward Melissa Peter Anna Simon Emma Oliver Grace"""
LAST = """Smith Johnson Brown Taylor Miller Wilson Moore Clark Lewis Walker Hall Allen Young King Wright Scott
Green Baker Adams Nelson Carter Mitchell Turner Phillips Campbell Parker Evans Edwards Collins Stewart Morris Rogers
Reed Cook Morgan Bell Murphy Bailey Cooper Richardson Cox Howard Ward Peterson Gray Watson Brooks Kelly"""
PEOPLE = [f"{first} {last}" for first in FIRST.split() for last in LAST.split()]
OPENING = "You are managing a waiting line at a customer service desk.\n\n"
QUOTED = re.compile(r'"([^"]*)"')
Line = list[str]


@dataclass(frozen=True)
class Operation:
    """What is asked, and what is correct. ``correct`` takes the line, another person and a position from 0."""

    question: str  # the benchmark's wording, with {context}, {word} and {index}
    correct: Callable[[Line, str, int], Iterable[Line]]  # every correct result
    shot: Line  # the few-shot example's solution
    index: int = 1  # the few-shot example's position
    beyond: int = 0  # 1 if there is also a position behind the last person


PATRICK, ROY, ERIC, VIRGINIA = "Patrick Hicks", "Roy Ortiz", "Eric Reynolds", "Virginia Hayes"
SHOT = [PATRICK, ROY, ERIC]


def _insert(line: Line, word: str, at: int) -> Line:
    return [*line[:at], word, *line[at:]]


def _remove(line: Line, at: int) -> Line:
    return line[:at] + line[at + 1 :]


def _replace(line: Line, word: str, at: int) -> Line:
    return _insert(_remove(line, at), word, at)


def _shuffle(line: Line) -> Iterable[Line]:
    return (list(order) for order in itertools.permutations(line) if list(order) != line)


OPERATIONS = {
    "copy": Operation(
        "You need to record the following people in the order they arrived:\n\n{context}\n\n"
        "Please copy the list exactly and provide only the final list.",
        lambda line, word, at: [line],
        SHOT,
    ),
    "sort": Operation(
        "The following people should be organized alphabetically by last name for efficient processing:\n\n"
        "{context}\n\nPlease sort the list in alphabetical order and provide only the final list.",
        lambda line, word, at: [sorted(line)],
        [ERIC, PATRICK, ROY],
    ),
    "reverse": Operation(
        "The previous staff member put the waiting line in the wrong order.\n\n"
        "Please reverse the order of the following people in the waiting line to correct it:\n\n{context}\n\n"
        "Please reverse the order of the list and provide only the final list.",
        lambda line, word, at: [line[::-1]],
        [ERIC, ROY, PATRICK],
    ),
    "shuffle": Operation(
        "The waiting line should be randomly shuffled to ensure fair service distribution:\n\n{context}\n\n"
        "Please randomly shuffle the list and provide only the final list.\n\n"
        "Ensure the sequence is different from the original.",
        lambda line, word, at: _shuffle(line),
        [PATRICK, ERIC, ROY],
    ),
    "replace_index": Operation(
        'The person at position {index} must be replaced with "{word}":\n\n{context}\n\n'
        'Please replace the person at the specified position with "{word}" and provide only the final list.',
        lambda line, word, at: [_replace(line, word, at)],
        [PATRICK, VIRGINIA, ERIC],
    ),
    "replace_random": Operation(
        'One person in the waiting line must be replaced with "{word}":\n\n{context}\n\n'
        'Please replace one random person with "{word}" and provide only the final list.',
        lambda line, word, at: (_replace(line, word, k) for k in range(len(line))),
        [PATRICK, VIRGINIA, ERIC],
    ),
    "insert_index": Operation(
        'A new person "{word}" is inserted into the line at position {index}:\n\n{context}\n\n'
        "Please put the new person at the specified position and provide only the final list.",
        lambda line, word, at: [_insert(line, word, at)],
        [*SHOT, VIRGINIA],
        index=3,
        beyond=1,
    ),
    "insert_random": Operation(
        'A new person "{word}" is inserted into the line at a random position:\n\n{context}\n\n'
        "Please put the new person in the random position and provide only the final list.",
        lambda line, word, at: (_insert(line, word, k) for k in range(len(line) + 1)),
        [*SHOT, VIRGINIA],
    ),
    "remove_index": Operation(
        "The person at position {index} has left the waiting line:\n\n{context}\n\n"
        "Please remove the person at the specified position and provide only the final list.",
        lambda line, word, at: [_remove(line, at)],
        [PATRICK, ERIC],
    ),
    "remove_random": Operation(
        "One person has left the waiting line:\n\n{context}\n\n"
        "Please remove a random person and provide only the final list.",
        lambda line, word, at: (_remove(line, k) for k in range(len(line))),
        [PATRICK, ERIC],
    ),
}


class WaitingLine(OneShot):
    """One of the ten. ``check`` holds the line, the person named and the position; not every question states all."""

    def __init__(self, operation: str) -> None:
        self.name = f"waiting_line_{operation}"
        self.operation = OPERATIONS[operation]

    def shot(self) -> tuple[str, str]:
        return self._question(SHOT, VIRGINIA, self.operation.index), _written(self.operation.shot)

    def ask(self, rng: random.Random) -> tuple[str, str, Any]:
        word, *line = rng.sample(PEOPLE, 1 + rng.randint(*LENGTHS))
        at = rng.randrange(len(line) + self.operation.beyond)
        solution = rng.choice(list(self.operation.correct(line, word, at)))
        check = {"line": line, "word": word, "at": at}
        return self._question(line, word, at), _written(solution), check

    def score(self, answer: str, example: Example) -> Score:
        check = example.check
        correct = list(self.operation.correct(check["line"], check["word"], check["at"]))
        inside = answer.rpartition("[")[2].partition("]")[0]
        return both(_loose(inside) in correct, _strict(answer) in correct, inside.strip() or None)

    def _question(self, line: Line, word: str, at: int) -> str:
        return OPENING + self.operation.question.format(context=_written(line), word=word, index=at)


def _written(line: Line) -> str:
    return "[" + ", ".join(f'"{person}"' for person in line) + "]"


def _loose(inside: str) -> Line:
    return [item.strip('" ') for item in inside.split(",") if item.strip()]


def _strict(answer: str) -> Line | None:
    """The items in the brackets; None if these hold anything but quoted items separated by a comma and a space."""
    _, opening, rest = answer.rpartition("[")
    inside, closing, _ = rest.partition("]")
    items = [QUOTED.fullmatch(item) for item in inside.split(", ")]
    found = [item[1] for item in items if item]
    return found if opening and closing and len(found) == len(items) else None
