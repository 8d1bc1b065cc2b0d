"""No text breaks a scorer that only reads it, is taken for right by accident, or takes it more than linear time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.tasks import Example, Form, get_task
from pipeline.tasks.candidate import completed, whole
from pipeline.tasks.math500 import boxed
from pipeline.tasks.opencompass_answer import fenced, framed
from pipeline.tasks.opencompass_math import plain_form, same, stated

MARK = "4 + 4 = 8 #### 8"
READ: list[tuple[str, Form | None, Any]] = [
    ("arith", None, 8),
    ("gsm8k", None, MARK),
    ("gsm8k", "opencompass", MARK),
    ("gsm8k_cot", None, MARK),
]
TASKS = ("lists", "waiting_line_sort", "waiting_line_insert_random", "latin_square_n4", "sudoku_n4")
GENERATED = [(get_task(name), *get_task(name).examples("test", 0, 1)) for name in TASKS]
PIECES = st.sampled_from(
    ["\\boxed{", "}", "{", "#### ", "The answer is ", "[BEGIN]", "[DONE]", "'", "```python\n", "```", "def f(x):\n",
     "\n", "Question:", "٣", "²", "7", "7" * 5000, ".", ",", "-", "$", "\\frac", "/", "[", "]", '"', "A", " ", "\0",
     "\ud800", "\u2028", "<|endoftext|>", "1 2 3 4\n"]
)  # fmt: skip
ANSWERS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map("".join))


@given(ANSWERS)
@settings(max_examples=60, deadline=None)
def test_every_answer_without_the_right_one_is_scored_0(answer: str) -> None:
    for name, form, check in READ:
        if "8" not in answer and "٨" not in answer:
            assert get_task(name, form).score(answer, Example("x", "", "", check)).value == 0.0
    for task, example in GENERATED:
        assert task.score(answer, example).value == 0.0


@pytest.mark.slow
@given(ANSWERS)
@settings(max_examples=25, deadline=None)
def test_what_is_read_in_an_answer_is_text(answer: str) -> None:
    for program in (whole(answer, "f"), completed("def f(x):\n", answer, "f"), boxed(answer)):
        assert program is None or isinstance(program, str)
    assert all(isinstance(text, str) for text in (fenced(answer), framed(answer, True), stated(answer)))
    assert same(stated(answer), stated(answer))


def _plain_boxed(answer: str) -> str | None:
    """By its definition: of the boxes whose braces match, the one that begins last."""
    for start in reversed(range(len(answer))):
        depth = 0
        for place in range(start + 6, len(answer) if answer.startswith("\\boxed{", start) else 0):
            depth += {"{": 1, "}": -1}.get(answer[place], 0)
            if depth == 0:
                return answer[start + 7 : place]
    return None


@given(st.lists(st.sampled_from(["\\boxed{", "{", "}", "a", "\\boxed"]), max_size=14).map("".join))
def test_a_box_is_the_last_whose_braces_match(answer: str) -> None:
    assert boxed(answer) == _plain_boxed(answer)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["\\boxed{", "{", "}", "\\boxed{1}", "7"])
def test_a_long_answer_is_read_quickly(text: str) -> None:
    """Reading each box, or each digit's number, to the end of the text would take minutes."""
    long = text * 200_000
    assert boxed(long) in (None, "1")
    assert plain_form(long) == plain_form(long)
