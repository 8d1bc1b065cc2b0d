"""OpenCompass's wordings, character for character, and what it reads in an answer and takes for right."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tasks import OPENCOMPASS, TASKS, Form, Task, TaskSettings, forms, get_task, open_task, read_task
from pipeline.tasks.opencompass_answer import fenced, framed, last_number, same_number
from pipeline.tasks.opencompass_math import minerva_form, plain_form, same, stated
from tests.shared import DATA, needs_rows

SUM = {"question": "Ann has 2 pens and buys 3. How many?", "answer": "2+3=5\n#### 5"}
PROBLEM = {"problem": "What is $\\frac{4}{2}$?", "solution": "It is $\\boxed{2}$.", "answer": "2"}
POWER = {
    "task_id": "Mine/1",
    "prompt": 'def power(x):\n    """x squared"""\n',
    "canonical_solution": "    return x ** 2\n",
    "test": "def check(f):\n    assert f(3) == 9\n",
    "entry_point": "power",
}
PLUS = {
    "task_id": 11,
    "code": "def plus(x):\r\n    return x + 1",
    "test_list": ["assert plus(0) == 1", "assert plus(1) == 2"],
}
ROWS: dict[str, dict[str, Any]] = {
    "gsm8k": SUM,
    "math500": PROBLEM,
    "minerva_math": PROBLEM,
    "humaneval": POWER,
    "mbpp": {**PLUS, "text": "Add one."},
    "mbpp_sanitized": {**PLUS, "prompt": "Add one."},
}
BOXED = "\nPlease reason step by step, and put your final answer within \\boxed{}."
# The last turn that each config of OpenCompass makes of these rows, by its number of few-shot examples.
ASKED: list[tuple[str, Form, int, str]] = [
    ("gsm8k", "opencompass", 0, "Ann has 2 pens and buys 3. How many?" + BOXED),
    ("gsm8k", "opencompass", 4, "Question: Ann has 2 pens and buys 3. How many?\nLet's think step by step\nAnswer:"),
    ("math500", "opencompass", 0, "What is $\\frac{4}{2}$?" + BOXED),
    ("minerva_math", "opencompass", 0, "What is $\\frac{4}{2}$?" + BOXED),
    ("humaneval", "opencompass", 0, "Read the following function signature and docstring, and fully implement the "
     "function described. Your response should only contain the code for this function.\n"
     'def power(x):\n    """x squared"""\n'),
    ("humaneval", "opencompass_8e312c", 0, 'Complete the following python code:\ndef power(x):\n    """x squared"""\n'),
    ("mbpp", "opencompass", 3, "You are an expert Python programmer, and here is your task: Add one. Your code should "
     "pass these tests:\n\n assert plus(0) == 1\nassert plus(1) == 2  \n"),
    ("mbpp_sanitized", "opencompass", 0, "You are an expert Python programmer, and here is your task:\nAdd one.\nYour "
     "code should pass these tests:\n\nassert plus(0) == 1\nassert plus(1) == 2\n You should submit your final "
     "solution in the following format: ```python\n\n```"),
]  # fmt: skip
# sha256 of the few-shot turns, taken from the configs themselves: gsm8k_gen_1d7fe4 and mbpp_gen_830460.
TURNS = {
    "gsm8k": ["8ce2cc353695a192", "6de1061b60fac23b", "488ac926434e4a1b", "191211224441a1bc",
              "f0c7c5b50eeb968c", "2c9ad656932fe103", "101f3d9ef7ef3962", "65b6d43e53ee0370"],
    "mbpp": ["4ff6f255cdbee3f6", "eed18fbae4ee14a9", "27fba94534a6ca76", "a770c225237f3d4f",
             "90ed6bfe9231901f", "88f67e4b5f599466"],
}  # fmt: skip
FILES = {"gsm8k": "gsm8k_test.jsonl", "math500": "math500.json", "minerva_math": "math500.json",
         "humaneval": "HumanEval.jsonl.gz", "mbpp": "mbpp.jsonl"}  # fmt: skip


def opened(folder: Path, name: str, form: Form, shots: int) -> Task:
    read_task.cache_clear()
    path = folder / "rows.jsonl"
    path.write_text(json.dumps(ROWS[name]))
    return open_task(TaskSettings(name, "test", 0, path=str(path), shots=shots, form=form), "process")


@pytest.mark.parametrize(("name", "form", "shots", "asked"), ASKED)
def test_a_question_is_worded_as_opencompass_words_it(
    name: str, form: Form, shots: int, asked: str, tmp_path: Path
) -> None:
    [example] = opened(tmp_path, name, form, shots).examples("test", 0, 1)
    for style in ("text", "turns"):
        turns, opening = example.turns(form, style)
        assert turns[-1] == {"role": "user", "content": asked} and opening == ""
        assert [turn["role"] for turn in turns] == ["user", "assistant"] * shots + ["user"]
        digests = [hashlib.sha256(turn["content"].encode()).hexdigest()[:16] for turn in turns[:-1]]
        assert digests == (TURNS[name] if shots else [])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "form", "shots", "asked"), ASKED)
def test_the_rows_own_solution_is_right_and_nothing_is_not(
    name: str, form: Form, shots: int, asked: str, tmp_path: Path
) -> None:
    task = opened(tmp_path, name, form, shots)
    [example] = task.examples("test", 0, 1)
    score = task.score(example.reference, example)
    assert score.value == 1.0 and set(score.metrics) - {"harness"}
    assert task.score("", example).value == 0.0


@pytest.mark.parametrize("name", OPENCOMPASS["opencompass"])
def test_other_numbers_of_examples_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=rf"task\.shots=2: OpenCompass asks {name} with (0 or 4|0|3) few-shot ex"
    ):
        opened(tmp_path, name, "opencompass", 2)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_refuses_the_wordings_that_it_lacks(name: str) -> None:
    for form in ("completion", "instruct", "opencompass", "opencompass_8e312c"):
        if form in forms(name):
            assert get_task(name, form).name == name
        else:
            with pytest.raises(
                ValueError, match=rf"task\.form='{form}': {name} has no such wording; one of complet"
            ):
                get_task(name, form)


@pytest.mark.slow
@needs_rows
@pytest.mark.parametrize(("name", "file"), FILES.items())
def test_every_row_is_asked_in_every_wording(name: str, file: str) -> None:
    read_task.cache_clear()
    shots = {"mbpp": 3}.get(name, 0)
    for form in forms(name):
        asked = TaskSettings(name, "test", 0, path=str(DATA / file), shots=shots, form=form)
        examples = open_task(asked).examples("test", 0, 2000)
        turns = {example.turns(form, "text")[0][-1]["content"] for example in examples}
        assert len(turns) == len(examples) >= 164
        assert all(example.reference for example in examples)


@pytest.mark.slow
@needs_rows
@pytest.mark.parametrize(("name", "file", "shots"), [("gsm8k", FILES["gsm8k"], 0), ("gsm8k", FILES["gsm8k"], 4),
                                                     ("minerva_math", FILES["math500"], 0)])  # fmt: skip
def test_every_gold_answer_is_right_and_its_neighbours_seldom(name: str, file: str, shots: int) -> None:
    read_task.cache_clear()
    asked = TaskSettings(name, "test", 0, path=str(DATA / file), shots=shots, form="opencompass")
    examples = open_task(asked).examples("test", 0, 2000)
    if name == "gsm8k":
        task = open_task(asked)
        assert all(task.score(example.reference, example).value == 1.0 for example in examples)
        wrong = [task.score(a.reference, b).value for a, b in itertools.pairwise(examples)]
    else:
        golds = [example.check["answer"] for example in examples]
        assert all(same(stated(f"So \\boxed{{{gold}}}."), gold) for gold in golds)
        wrong = [float(same(one, other)) for one, other in itertools.pairwise(golds)]
    assert sum(wrong) < 0.05 * len(wrong)


@pytest.mark.parametrize(
    ("answer", "read"),
    [("so 3+4 = 7\nThe answer is 7", "7"), ("7.50 each", "7.50"), ("-3", "-3"), ("", None), ("none", None),
     ("7\nQuestion: 8?", "7"), ("1,234", "234")],
)  # fmt: skip
def test_the_last_number_is_read(answer: str, read: str | None) -> None:
    assert last_number(answer) == read


def test_math500_reads_only_what_is_announced(tmp_path: Path) -> None:
    task = opened(tmp_path, "math500", "opencompass", 0)
    [example] = task.examples("test", 0, 1)
    for answer, theirs, ours in [
        ("The answer is 2.", 0, 1),
        ("$2$ is right", 0, 1),
        ("$3$, so \\boxed{2}", 1, 1),
    ]:
        score = task.score(answer, example)
        assert (score.value, score.metrics["math_verify"]) == (theirs, ours), answer


@given(st.integers(-(10**9), 10**9))
def test_a_number_equals_itself_however_it_is_written(number: int) -> None:
    assert same_number(str(number), str(number)) and same_number(f"{number}.0", str(number))
    others = (str(number + 1), f"{number}.5", None)
    assert not any(same_number(read, str(number)) for read in others)
    for written in (f"{number}", f"${number}$", f"\\${number}", f"{number}.00", f"{number}\\%", f"x={number}",
                    f"{number}\\text{{ dollars}}", f" {number}. ", f"{number} dollars"):  # fmt: skip
        assert same(written, str(number)), written
    assert not same(str(number + 1), str(number))
    assert number < 0 or same(f"{number:,}", str(number))


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ("Thus \\boxed{7}, not \\boxed{8}", "8"),
        ("\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
        ("\\boxed{{7}}", "7"),
        ("\\boxed{7", "\\boxed{7"),
        ("We add. The final answer is $7$. Done", "7"),
        ("It is 7. Or not", "Itis7"),
        ("", ""),
    ],
)
def test_an_answer_is_read_in_its_box_or_its_sentence(answer: str, read: str) -> None:
    assert stated(answer) == read


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("\\frac12", "\\frac{1}{2}", True),
        ("\\dfrac1{2}", "\\frac{1}{2}", True),
        ("1/2", "\\frac{1}{2}", True),
        ("x/y", "x/y", True),
        ("a/b", "\\frac{a}{b}", False),
        ("\\sqrt2", "\\sqrt{2}", True),
        ("\\left( 3, \\frac{\\pi}{2} \\right)", "(3,\\frac{\\pi}{2})", True),
        ("90^\\circ", "90", True),
        ("\\text{Evelyn}", "Evelyn", True),
        ("0.5", ".5", True),
        ("0.5", "\\frac{1}{2}", False),  # equal, but not written alike
        ("3+4j", "3+4i", True),
        ("infinity", "\\infty", True),
        ("(-inf,2)", "(-\\infty,2)", True),
        ("\\infty", "inf", True),
        ("x=5", "5", True),
        ("abc=5", "5", False),  # a name has one letter or two
        ("2", "3", False),
    ],
)
def test_answers_are_equal_in_plain_form(one: str, other: str, expected: bool) -> None:
    assert same(one, other) == same(other, one) == expected


@given(st.text("0123456789abcxy\\{}()$.,/= \n", max_size=40))
def test_no_text_breaks_the_reading(text: str) -> None:
    assert same(text, text)
    assert isinstance(stated(text), str) and isinstance(minerva_form(text), str)
    try:
        plain_form(text)
    except ValueError:
        assert "/" in text


CODE = "def f():\n    return 'x'"


@pytest.mark.parametrize(
    "answer",
    [
        f"[BEGIN]\n '{CODE}' \n[DONE] \n\n ",
        f"[BEGIN]\n{CODE}\n[DONE]",
        f"```python\n{CODE}\n```\nIt returns x.",
        f"Here it is:\n```python\n{CODE}\n``` and ```python\nsecond()\n```",
        f"```\n{CODE}",
        CODE,
    ],
)
def test_a_program_is_found_in_its_frame(answer: str) -> None:
    assert framed(answer, quoted=False) == CODE


def test_opencompass_misreads_some_programs_and_so_do_we() -> None:
    """Its patterns are tried in a fixed order; a published number contains what they lose."""
    assert framed(f"{CODE}\n```", quoted=False) == ""
    assert framed(f"{CODE}\n[DONE]", quoted=False) == "x"


def test_quotes_around_a_program_are_removed_only_where_the_examples_have_them() -> None:
    assert framed(f"'{CODE}'", quoted=True) == CODE
    assert framed(CODE, quoted=True) == CODE.removesuffix("'"), "as in LLaDA's evaluation, which this repeats"
    assert framed(CODE, quoted=False) == CODE


@pytest.mark.parametrize(
    ("answer", "program"),
    [(f"Sure:\n```python\n{CODE}\n```", f"{CODE}\n"), (f"\n\n{CODE}", CODE), ("    return 1", "return 1"),
     ("```\none\n```\n```\ntwo\n```", "one\n"), ("```python\nopen", "```python\nopen")],
)  # fmt: skip
def test_the_first_fenced_block_is_run(answer: str, program: str) -> None:
    assert fenced(answer) == program
