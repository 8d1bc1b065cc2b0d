"""ParallelBench's tasks: what is asked, and both scores of correct, wrong and badly written answers."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.checkpoints.prompt import encode
from pipeline.inputs.config import ModelSettings
from pipeline.tasks import GeneratedTask, TaskSettings, get_task, task
from pipeline.tasks.one_shot import OneShot
from pipeline.tasks.waiting_line import OPERATIONS, PEOPLE, SHOT, VIRGINIA
from tests.tasks.judged import judged

A, B, C, W, X = "Ann Lee", "Bob Ray", "Cy Fox", "Di Poe", "Ed Orr"
LINE, AT = [B, A, C], 1
CHECK = {"line": LINE, "word": W, "at": AT}
LINES = [f"waiting_line_{operation}" for operation in OPERATIONS]
NAMES = [*LINES, "latin_square_n4", "sudoku_n4"]
Oracle = Callable[[list[str]], bool]
ORACLES: dict[str, Oracle] = {  # the rules, written differently from the task
    "copy": lambda found: found == [B, A, C],
    "sort": lambda found: found == [A, B, C],
    "reverse": lambda found: found == [C, A, B],
    "shuffle": lambda found: Counter(found) == Counter(LINE) and found != LINE,
    "replace_index": lambda found: found == [B, W, C],
    "replace_random": lambda found: (
        len(found) == 3 and W in found and sum(a != b for a, b in zip(found, LINE, strict=True)) == 1
    ),
    "insert_index": lambda found: found == [B, W, A, C],
    "insert_random": lambda found: found.count(W) == 1 and [p for p in found if p != W] == LINE,
    "remove_index": lambda found: found == [B, C],
    "remove_random": lambda found: found in ([A, C], [B, C], [B, A]),
}
GOOD = {operation: list(next(iter(OPERATIONS[operation].correct(LINE, W, AT)))) for operation in OPERATIONS}

every_operation = pytest.mark.parametrize("operation", OPERATIONS)


def written(items: list[str]) -> str:
    return "[" + ", ".join(f'"{item}"' for item in items) + "]"


def scores(operation: str, answer: str) -> tuple[float, float]:
    others = judged(f"waiting_line_{operation}", answer, CHECK).metrics
    return others["loose"], others["strict"]


def test_the_oracle_knows_each_operation() -> None:
    assert set(ORACLES) == set(OPERATIONS) and all(ORACLES[name](GOOD[name]) for name in OPERATIONS)


# How a correct list is written -> loose, strict.
SPELLINGS: list[tuple[str, Callable[[list[str]], str], tuple[int, int]]] = [
    ("as asked", written, (1, 1)),
    ("words around", lambda items: f"Sure! The list:\n{written(items)}\nDone.", (1, 1)),
    ("another list before", lambda items: f'["{X}"] becomes {written(items)}', (1, 1)),
    ("another list after", lambda items: f'{written(items)} not ["{X}"]', (0, 0)),
    ("no opening bracket", lambda items: written(items)[1:], (1, 0)),
    ("no closing bracket", lambda items: written(items)[:-1], (1, 0)),
    ("no brackets", lambda items: written(items)[1:-1], (1, 0)),
    ("round brackets", lambda items: f"({written(items)[1:-1]})", (0, 0)),
    ("no quotes", lambda items: written(items).replace('"', ""), (1, 0)),
    ("last quote missing", lambda items: written(items)[:-2] + "]", (1, 0)),
    ("first quote missing", lambda items: "[" + written(items)[2:], (1, 0)),
    ("quotes doubled", lambda items: written(items).replace('"', '""'), (1, 0)),
    ("other quotes", lambda items: written(items).replace('"', "'"), (0, 0)),
    ("no space after commas", lambda items: written(items).replace(", ", ","), (1, 0)),
    ("two spaces after commas", lambda items: written(items).replace(", ", ",  "), (1, 0)),
    ("a line for each", lambda items: written(items).replace(", ", ",\n"), (0, 0)),
    ("space in the quotes", lambda items: written(items).replace('["', '[" '), (1, 0)),
    ("space in the brackets", lambda items: f"[ {written(items)[1:-1]} ]", (1, 0)),
    ("comma at the end", lambda items: written(items)[:-1] + ",]", (1, 0)),
    ("no commas", lambda items: written(items).replace(",", ""), (0, 0)),
    ("lower case", lambda items: written(items).lower(), (0, 0)),
    ("name with a space missing", lambda items: written(items).replace("Cy Fox", "CyFox"), (0, 0)),
    ("an item without quotes besides", lambda items: written(items)[:-1] + ", Jo]", (0, 0)),
    ("nothing in the list", lambda items: "[]", (0, 0)),
    ("quotes around nothing", lambda items: '["]', (0, 0)),
]


@every_operation
@pytest.mark.parametrize(("spell", "expected"), [c[1:] for c in SPELLINGS], ids=[c[0] for c in SPELLINGS])
def test_how_a_correct_list_may_be_written(
    operation: str, spell: Callable[[list[str]], str], expected: tuple[int, int]
) -> None:
    right = next(items for items in OPERATIONS[operation].correct(LINE, W, 1) if C in items)
    assert scores(operation, spell(right)) == expected


WRONG = {
    "copy": [[A, B, C], [B, A], [B, A, C, C], [B, A, X]],
    "sort": [[B, A, C], [A, B], [A, B, C, C], [A, B, X]],
    "reverse": [[B, A, C], [C, A], [C, A, A, B], [C, X, B]],
    "shuffle": [[B, A, C], [A, B], [A, A, C], [A, B, C, C], [A, B, X]],
    "replace_index": [[W, A, C], [B, X, C], [B, W, A, C], [B, C], [W, W, C]],
    "replace_random": [[B, A, C], [W, W, C], [B, X, C], [A, W, C], [B, W, A, C]],
    "insert_index": [[W, B, A, C], [B, A, W, C], [B, W, C], [B, X, A, C], [B, W, W, A, C]],
    "insert_random": [[B, A, C], [W, B, A, C, W], [W, A, B, C], [X, B, A, C], [B, W, C]],
    "remove_index": [[A, C], [B, A], [C, B], [B, A, C], [B], [B, B]],
    "remove_random": [[B, A, C], [B], [A, B], [B, B], [B, X], []],
}


@every_operation
def test_wrong_people_are_wrong_however_well_written(operation: str) -> None:
    for items in WRONG[operation]:
        assert scores(operation, written(items)) == (0, 0), items


@pytest.mark.slow
@every_operation
@given(found=st.lists(st.sampled_from([A, B, C, W, X]), max_size=5))
@settings(max_examples=150, deadline=None)
def test_a_list_scores_when_and_only_when_it_follows_the_rule(operation: str, found: list[str]) -> None:
    expected = float(ORACLES[operation](found))
    assert scores(operation, written(found)) == (expected, expected)


@every_operation
def test_every_list_that_follows_the_rule_scores(operation: str) -> None:
    short = [list(items) for n in range(5) for items in itertools.product([A, B, C, W], repeat=n)]
    right = [items for items in short if ORACLES[operation](items)]
    assert right and all(scores(operation, written(items)) == (1, 1) for items in right)


@every_operation
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_an_item_dropped_swapped_or_doubled_breaks_an_answer(operation: str, data: st.DataObject) -> None:
    name = f"waiting_line_{operation}"
    example = get_task(name).examples("train", data.draw(st.integers(0, 50)), 1)[0]
    line, word = example.check["line"], example.check["word"]
    items = re.findall(r'"([^"]*)"', example.reference)
    i, j = data.draw(st.lists(st.integers(0, len(items) - 1), min_size=2, max_size=2, unique=True))
    dropped = [*items[:i], *items[i + 1 :]]
    doubled = [*items[:i], items[i], *items[i:]]
    swapped = items.copy()
    swapped[i], swapped[j] = items[j], items[i]
    equivalent = {  # what such a change may lead to and still be correct
        "shuffle": sorted(swapped) == sorted(line) and swapped != line,
        "insert_random": [person for person in swapped if person != word] == line,
    }
    assert judged(name, written(dropped), example.check).metrics == {"loose": 0, "strict": 0}
    assert judged(name, written(doubled), example.check).metrics == {"loose": 0, "strict": 0}
    expected = float(equivalent.get(operation, False))
    assert judged(name, written(swapped), example.check).metrics == {"loose": expected, "strict": expected}


@every_operation
def test_a_question_states_the_line_and_what_to_do_with_it(operation: str) -> None:
    lengths, places = Counter[int](), set()
    for example in get_task(f"waiting_line_{operation}").examples("train", 0, 300):
        line, word, at = (example.check[key] for key in ("line", "word", "at"))
        assert written(line) in example.prompt
        assert len({*line, word}) == len(line) + 1 and {*line, word} <= set(PEOPLE)
        assert (f'"{word}"' in example.prompt) == operation.startswith(("replace", "insert"))
        assert (f"position {at}" in example.prompt) == operation.endswith("index")
        lengths[len(line)] += 1
        places.add(at - len(line))
    assert set(lengths) == {3, 4, 5, 6} and min(lengths.values()) > 45
    assert max(places) == (0 if operation == "insert_index" else -1) and min(places) == -6


def test_the_extracted_part_is_what_was_scored() -> None:
    for answer, extracted in {
        f"Here: {written(LINE)}.": written(LINE)[1:-1],
        "no list": "no list",
        "[]": None,
        "": None,
    }.items():
        assert judged("waiting_line_copy", answer, CHECK).extracted == extracted


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_strictly_correct_is_loosely_correct(name: str, data: st.DataObject) -> None:
    example = get_task(name).examples("train", data.draw(st.integers(0, 20)), 1)[0]
    answer = example.reference
    for _ in range(data.draw(st.integers(0, 3))):  # some edits of single characters
        at = data.draw(st.integers(0, len(answer)))
        new = data.draw(st.sampled_from(['"', "[", "]", ",", " ", "\n", ", ", "A", "1", ""]))
        answer = answer[:at] + new + answer[at + data.draw(st.integers(0, 1)) :]
    others = get_task(name).score(answer, example).metrics
    assert others["strict"] <= others["loose"]


@pytest.mark.parametrize("name", NAMES)
def test_no_beginning_of_an_answer_is_strictly_correct(name: str) -> None:
    for example in get_task(name).examples("test", 0, 20):
        assert get_task(name).score(example.reference, example).metrics == {"loose": 1, "strict": 1}
        for end in range(len(example.reference)):
            assert get_task(name).score(example.reference[:end], example).metrics["strict"] == 0


def test_the_few_shot_examples_are_correct() -> None:
    checks: dict[str, Any] = {
        f"waiting_line_{name}": {"line": SHOT, "word": VIRGINIA, "at": operation.index}
        for name, operation in OPERATIONS.items()
    }
    checks |= {"latin_square_n4": "HT6P", "sudoku_n4": "3412\n1243\n2134\n4321"}
    for name, check in checks.items():
        shots = {example.shots for example in get_task(name).examples("test", 0, 5)}
        assert len(shots) == 1
        ((_, answer),) = shots.pop()
        assert judged(name, answer.strip(), check).metrics == {"loose": 1, "strict": 1}
    for name in LINES:
        question = get_task(name).examples("test", 0, 1)[0].shots[0][0]
        assert (f"position {checks[name]['at']}" in question) == name.endswith("index")


class Repeating(OneShot):
    """Asks its few-shot example every other time."""

    name = "repeating"

    def shot(self) -> tuple[str, str]:
        return "shot", "yes"

    def ask(self, rng: random.Random) -> tuple[str, str, Any]:
        return (str(rng.randrange(30)) if rng.random() < 0.5 else "shot"), "yes", None


def test_the_few_shot_example_is_never_asked() -> None:
    drawn = {Repeating().draw(random.Random(seed))[0] for seed in range(300)}
    assert drawn == {str(number) for number in range(30)}


class Few(GeneratedTask):
    name = "few"
    version = 1

    def draw(self, rng: random.Random) -> tuple[str, str, Any]:
        return str(rng.randrange(100)), "", None


class Many(Few):
    def draw(self, rng: random.Random) -> tuple[str, str, Any]:
        return str(rng.randrange(10**9)), "", None


def test_a_generator_with_examples_left_never_counts_as_exhausted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        task, "MISSES", 300
    )  # fewer than the draws for 200 examples, as one in 16 is for testing
    assert len(Many().examples("test", 0, 200)) == 200


def test_an_exhausted_generator_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "MISSES", 2000)
    have = sum(task.split_of(str(number)) == "test" for number in range(100))
    assert len(Few().examples("test", 0, have)) == have
    with pytest.raises(ValueError, match=f"limit={have + 1}: few has {have} examples in test; lower limit"):
        Few().examples("test", 0, have + 1)


class Tape:
    """A tokenizer that records what it is given."""

    def apply_chat_template(self, turns: list[dict[str, str]], **_: Any) -> str:
        self.turns = turns
        return "chat"

    def encode(self, text: str, **_: Any) -> list[int]:
        self.text = text
        return [0]


INSERTED = """You are managing a waiting line at a customer service desk.

A new person "Virginia Hayes" is inserted into the line at position 3:

["Patrick Hicks", "Roy Ortiz", "Eric Reynolds"]

Please put the new person at the specified position and provide only the final list."""
CONVERSATIONS = {
    "waiting_line_insert_index": (
        INSERTED,
        '["Patrick Hicks", "Roy Ortiz", "Eric Reynolds", "Virginia Hayes"]',
    ),
    "latin_square_n4": (
        "Generate a Latin square of size 4 with the symbols [H, T, 6, P]. "
        "Only output the final result as CSV without header.",
        "6,P,H,T\nP,H,T,6\nH,T,6,P\nT,6,P,H",
    ),
    "sudoku_n4": (
        "Solve the following 4x4 Sudoku puzzle. Replace each _ with a digit from 1 to 4. "
        "Only output the final result.\n\n_41_\n_2_3\n__3_\n4_21",
        "3412\n1243\n2134\n4321",
    ),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_the_few_shot_example_is_two_turns_of_a_chat_or_precedes_the_question_as_text(name: str) -> None:
    example = get_task(name).examples("test", 0, 1)[0]
    question, answer = CONVERSATIONS[name]
    tape = Tape()
    asked, model = (
        TaskSettings(name, "test", 0),
        ModelSettings("model", None, "float32", "sdpa", "cpu", "chat"),
    )
    encode(tape, model, example, asked)
    assert [(turn["role"], turn["content"]) for turn in tape.turns] == [
        ("user", question),
        ("assistant", answer),
        ("user", example.prompt),
    ]
    encode(tape, replace(model, prompt="raw"), example, asked)
    assert tape.text == f"{question}\n{answer}\n\n{example.prompt}"
