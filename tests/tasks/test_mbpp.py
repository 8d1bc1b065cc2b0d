"""MBPP: what is asked, of which rows, with which few-shot examples, and what passes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.tasks import Example, Task, TaskSettings, get_task, open_task
from pipeline.tasks.mbpp import SPLIT_IDS, function_of


def _row(number: int, **more: Any) -> dict[str, Any]:
    tests = [f"assert plus_{number}({n}) == {n + number}" for n in range(4)]
    code = f"def plus_{number}(n):\r\n  return n + {number}"
    return {"task_id": number, "text": f"Add {number}.", "code": code, "test_list": tests, **more}


ROWS = [_row(number) for number in (1, 2, 3, 4, 11, 12, 511, 601)]
SHOWN = "assert plus_11(0) == 11\nassert plus_11(1) == 12\nassert plus_11(2) == 13"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def _open(path: Path, split: Any = "test", name: str = "mbpp", **more: Any) -> Task:
    return open_task(TaskSettings(name, split, 0, path=str(path), **more))


def _eleven(task: Task) -> Example:
    return next(example for example in task.examples("test", 0, 9) if example.id.endswith("-11"))


def test_ids_decide_the_split_of_a_row(file: Path) -> None:
    found = {split: {e.id for e in _open(file, split).examples(split, 0, 99)} for split in ("test", "train")}
    assert found == {"test": {"mbpp-11", "mbpp-12"}, "train": {"mbpp-601"}}
    every = _open(file).every()  # type: ignore[attr-defined]
    assert sorted(example.id for example in every) == sorted(f"mbpp-{row['task_id']}" for row in ROWS)


def test_each_row_is_in_the_split_that_the_paper_says() -> None:
    """Austin et al. 2021, section 2.1: 10 problems for prompting, 500 test, 90 validation, 374 training."""
    splits = [SPLIT_IDS[name] for name in ("prompt", "test", "validation", "train")]
    assert [len(ids) for ids in splits] == [10, 500, 90, 374]
    assert [number for ids in splits for number in ids] == list(range(1, 975))


def test_a_split_without_rows_is_refused(file: Path) -> None:
    file.write_text(json.dumps(_row(2)))
    with pytest.raises(
        ValueError, match=r"task\.split='test': none of the 1 rows of task\.path=.* choose another"
    ):
        _open(file)


def test_what_a_model_is_asked(file: Path) -> None:
    example = _eleven(_open(file, shots=1))
    head = "You are an expert Python programmer, and here is your task:"
    shots = (
        f"{head} Add 2. Your code should pass these tests:\n\nassert plus_2(0) == 2\nassert plus_2(1) == 3\n"
        "assert plus_2(2) == 4\n[BEGIN]\ndef plus_2(n):\r\n  return n + 2\n[DONE]\n\n"
    )
    asked = f"{head} Add 11. Your code should pass these tests:\n\n{SHOWN}\n[BEGIN]\n"
    assert example.text == shots + asked
    (request, answer, last), opening = example.turns("instruct", "turns")
    assert request["content"].startswith(
        f"{head}\nAdd 2.\nYour code should pass these tests:\nassert plus_2(0)"
    )
    assert answer == {"role": "assistant", "content": "```python\ndef plus_2(n):\r\n  return n + 2\n```"}
    assert last["content"] == f"{head}\nAdd 11.\nYour code should pass these tests:\n{SHOWN}"
    assert opening == "```python\n"
    assert example.turns("completion", "text") == ([{"role": "user", "content": shots + asked}], "")


def test_the_few_shot_examples_are_rows_2_3_and_4(file: Path, tmp_path: Path) -> None:
    shots = _eleven(_open(file, shots=3)).shots
    assert [answer.split("(")[0] for _, answer in shots] == ["def plus_2", "def plus_3", "def plus_4"]
    assert _eleven(_open(file)).shots == ()
    with pytest.raises(
        ValueError, match=r"task\.shots=4: must be at most 3, the rows with task_id 2, 3 and 4"
    ):
        _open(file, shots=4)
    few = tmp_path / "few.jsonl"
    few.write_text(json.dumps(_row(11)))
    with pytest.raises(
        ValueError, match=r"task\.shots=1: .* give a file that has them with task\.shots_path"
    ):
        _open(few, shots=1)
    assert _eleven(_open(few, shots=1, shots_path=str(file))).shots == shots[:1]


CODE = "def plus_11(n):\n    return 11 + n\n"


@pytest.mark.parametrize(
    ("answer", "value", "harness"),
    [
        (CODE + "[DONE]", 1.0, 1.0),
        (CODE + "[DONE]\ndef plus_11(n):\n    return 0\n", 1.0, 1.0),
        (CODE + "```\nAs asked.", 1.0, 1.0),
        (CODE + "\nYou are an expert Python programmer", 1.0, 0.0),
        ("```python\n" + CODE + "```", 1.0, 0.0),
        ("def plus_11(n):\n    return 12 + n\n", 0.0, 0.0),
        (
            "def plus_11(n):\n    return 11 if n == 0 else 12 if n == 1 else 13\n",
            0.0,
            0.0,
        ),  # the 4th is not shown
        ("def plus_12(n):\n    return 11 + n\n", 0.0, 0.0),
        ("import sys\nsys.exit(0)\n" + CODE, 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_what_passes(answer: str, value: float, harness: float, file: Path) -> None:
    task = _open(file)
    score = task.score(answer, _eleven(task))
    assert (score.value, score.metrics) == (value, {"harness": harness})


def test_set_up_code_runs_between_the_program_and_its_tests(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = _row(11, test_setup_code="one = plus_11(1)", test_list=["assert plus_11(one) == 23"])
    path.write_text(json.dumps(row))
    task = _open(path)
    assert task.score(CODE, _eleven(task)).value == 1.0


def test_the_sanitized_rows_have_other_columns(tmp_path: Path) -> None:
    row = _row(
        11, prompt="Add eleven.", test_imports=["import math"], test_list=["assert plus_11(math.inf) > 0"]
    )
    del row["text"]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([row]))
    task = _open(path, name="mbpp_sanitized")
    example = _eleven(task)
    assert example.id == "mbpp_sanitized-11" and "Add eleven." in example.prompt
    assert task.score(CODE, example).value == 1.0
    assert get_task("mbpp_sanitized").hub.config == "sanitized"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("tests", "name"),
    [
        (["assert f(1) == 2"], "f"),
        (["assert set(f(1)) == set(g(2))"], "f"),
        (["import math", "assert math.isclose(f(g(1)), 2)"], "f"),
        (["assert sum(1, 2) == 3"], "sum"),
    ],
)
def test_the_function_is_the_one_that_the_tests_call(tests: list[str], name: str) -> None:
    assert function_of(tests) == name


def test_rows_whose_tests_call_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"test_list=\['assert x'\]: calls no function"):
        function_of(["assert x"])
