"""A generated example is the same for ever, or its task's version is another: stored results are told apart by it."""

from __future__ import annotations

import hashlib
import json

import pytest

from pipeline.tasks import TASKS, Form, get_task
from pipeline.tasks.task import GeneratedTask

COUNT = 30
FORMS: tuple[Form, ...] = ("completion", "instruct")
# Of each task its version, and the first digits of a hash of what its first examples ask and how they are scored.
EXAMPLES = {
    "arith": (2, "f0e606e882d33482"),
    "pycode": (3, "2b0cf55b67a6f010"),
    "lists": (2, "739e72cee0f52707"),
    "waiting_line_copy": (1, "df7d48a96b5d7473"),
    "waiting_line_sort": (1, "2251d8701beb31f5"),
    "waiting_line_reverse": (1, "cc03cc8a18c0e750"),
    "waiting_line_shuffle": (1, "62dbee6a93d6e904"),
    "waiting_line_replace_index": (1, "b29d65928f4e55b6"),
    "waiting_line_replace_random": (1, "a3793fb417fd8fe3"),
    "waiting_line_insert_index": (1, "242af850121bd7bb"),
    "waiting_line_insert_random": (1, "d631b9045bfb48b0"),
    "waiting_line_remove_index": (1, "662272040ce8106e"),
    "waiting_line_remove_random": (1, "4f12050c0c6ca29b"),
    "latin_square_n4": (1, "b347d5cb2f5a2675"),
    "sudoku_n4": (1, "1136810b3f9b89b4"),
}


def test_every_generated_task_is_here() -> None:
    assert EXAMPLES.keys() == {name for name in TASKS if isinstance(get_task(name), GeneratedTask)}


@pytest.mark.parametrize("name", EXAMPLES)
def test_other_examples_have_another_version(name: str) -> None:
    task = get_task(name)
    said = [
        (own.id, own.text, own.reference, own.check, [own.turns(form, "text") for form in FORMS])
        for own in task.examples("test", 0, COUNT)
    ]
    found = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
    assert (task.version, found) == EXAMPLES[name], "raise the task's version, and write both here"
