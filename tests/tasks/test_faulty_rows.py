"""A file with a row that would be lost, or count as wrong whatever the answer, is refused and the row named."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import launch
from pipeline.tasks import TASKS, Example, Task, TaskSettings, get_task, open_task
from pipeline.tasks.benchmark import Benchmark

Rows = list[dict[str, Any]]
BENCHMARKS = sorted(name for name in TASKS if isinstance(get_task(name), Benchmark))


def sound(name: str) -> Rows:
    """Four correct rows of the benchmark."""
    return [_row(name, number) for number in range(11, 15)]


def _row(name: str, n: int) -> dict[str, Any]:
    if name.startswith("gsm8k"):
        return {"question": f"{n} and 1?", "answer": f"It is\n#### {n + 1}"}
    if name in ("math500", "minerva_math"):
        return {"problem": f"{n}+1?", "answer": str(n + 1)}
    if name == "truthfulqa_gen":
        lists = {"correct_answers": [f"{n + 1}."], "incorrect_answers": ["None.", "Any."]}
        return {"question": f"After {n}?", "best_answer": f"{n + 1}.", **lists}
    tests = [f"assert f({n}) == {n + 1}"]
    if name == "humaneval":
        code = {"prompt": "def f(x):\n", "canonical_solution": "    return x + 1\n", "entry_point": "f"}
        return {"task_id": f"Mine/{n}", "test": f"def check(f):\n    {tests[0]}\n", **code}
    asked = {"mbpp": "text", "mbpp_sanitized": "prompt"}[name]
    return {"task_id": n, asked: f"Add to {n}.", "code": "def f(x): return x + 1", "test_list": tests}


def write(folder: Path, rows: Rows) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def opened(name: str, path: Path) -> Task:
    return open_task(TaskSettings(name, "test", 0, path=str(path)))


def refused(name: str, folder: Path, rows: Rows) -> str:
    path = write(folder, rows)
    with pytest.raises(ValueError) as caught:
        opened(name, path)
    line = str(caught.value)
    assert line.startswith(f"task.path='{path}': row ") and "\n" not in line
    assert line.endswith("correct or remove such rows")
    return line


@pytest.mark.parametrize("name", BENCHMARKS)
def test_correct_rows_are_accepted_even_if_their_texts_are_equal(name: str, tmp_path: Path) -> None:
    rows = sound(name)
    assert len({e.id for e in opened(name, write(tmp_path, rows)).examples("test", 0, 9)}) == 4


CELLS = [
    (name, column)
    for name in BENCHMARKS
    for column in _row(name, 11)
    if (name, column) != ("minerva_math", "answer")
]


@pytest.mark.parametrize(("name", "column"), CELLS)
def test_a_row_with_an_empty_column_is_faulty(name: str, column: str) -> None:
    task = get_task(name)
    assert isinstance(task, Benchmark)
    row = {task.aliases.get(key, key): value for key, value in _row(name, 11).items()}
    column = task.aliases.get(column, column)
    assert task.fault(row) is None
    for nothing in (None, "", " \n", [], [" "], float("nan")):
        assert task.fault(row | {column: nothing}) == f"{column} is empty"
    assert task.fault(row | {column: {"a": 1}}) is not None


FAULTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "nothing": ("math500", {"answer": None}, "row 2 (math500-1): answer is empty"),
    "a blank id": ("humaneval", {"task_id": " \n"}, "row 2 (): task_id is empty"),
    "no number": ("gsm8k", {"answer": "I don't know"}, "row 2 (gsm8k-1): answer=\"I don't know\": does not end with a"),
    "a percentage": ("gsm8k", {"answer": "#### 20%"}, "does not end with a number"),
    "no gold": ("minerva_math", {"answer": None}, "row 2 (minerva_math-1): has neither a solution"),
    "a blank gold": ("minerva_math", {"answer": " ", "solution": "none"}, "has neither a solution"),
    "an empty box": ("minerva_math", {"answer": "", "solution": "\\boxed{}"}, "has neither a solution"),
    "no references": ("truthfulqa_gen", {"incorrect_answers": ["", " "]}, "incorrect_answers is empty"),
    "no check": ("humaneval", {"test": "assert f(1) == 2"}, "row 2 (Mine/12): test defines no function check"),
    "broken tests": ("humaneval", {"test": "def check(f:\n"}, "row 2 (Mine/12): test defines no function check"),
    "no name": ("humaneval", {"entry_point": "f(x)"}, "entry_point='f(x)': must be a function's name"),
    "an id again": ("humaneval", {"task_id": "Mine/11"}, "row 2 (Mine/11): row 1 has the same id"),
    "a number again": ("mbpp", {"task_id": 14}, "row 4 (mbpp-14): row 2 has the same id"),
    "no call": ("mbpp", {"test_list": ["assert True"]}, "row 2 (mbpp-12): test_list=['assert True']: calls no"),
    "broken assert": ("mbpp_sanitized", {"test_list": ["assert f("]}, "calls no function"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_row_that_nothing_can_answer_is_refused(fault: str, tmp_path: Path) -> None:
    name, change, expected = FAULTS[fault]
    rows = sound(name)
    rows[1] |= change
    if name == "minerva_math":
        rows[0] |= {"solution": "\\boxed{12}"}  # so that the file has the column
    assert expected in refused(name, tmp_path, rows)


def test_ids_as_text_are_refused_if_they_decide_the_split(tmp_path: Path) -> None:
    rows = [{**row, "task_id": str(row["task_id"])} for row in sound("mbpp")]
    line = refused("mbpp", tmp_path, rows)
    assert (
        "row 1 (mbpp-11): task_id='11': must be a whole number" in line and "3 more rows have faults" in line
    )
    assert "(and 1 more row has faults)" in refused("mbpp", tmp_path, rows[:2])


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_numbers_are_valid_answers(kind: str, tmp_path: Path) -> None:
    """In a column with 72 and 2.5, the 72 is read as 72.0."""
    for name, asked in (("gsm8k", "question"), ("math500", "problem"), ("minerva_math", "problem")):
        rows = [{asked: f"{n}?", "answer": value} for n, value in enumerate((72, 2.5))]
        path = write(tmp_path, rows)
        if kind == "parquet":
            path = tmp_path / f"{name}.parquet"
            pd.DataFrame(rows).to_parquet(path)
        task = opened(name, path)
        examples = {example.id: example for example in task.examples("test", 0, 2)}
        said = "The final answer is $72$. I hope" if name == "minerva_math" else "72"
        assert said in examples[f"{name}-0"].reference and "72.0" not in examples[f"{name}-0"].reference
        assert "2.5" in examples[f"{name}-1"].reference
        if name.startswith("gsm8k"):
            assert [task.score(f"It is {n}.", examples["gsm8k-0"]).value for n in (72, 73)] == [1.0, 0.0]


def test_without_a_boxed_solution_the_answer_column_is_the_gold_answer(tmp_path: Path) -> None:
    rows = [{"problem": "9+1?", "solution": "Count on.", "answer": "10"}]
    task = opened("minerva_math", write(tmp_path, rows))
    [example] = task.examples("test", 0, 1)
    assert task.score(example.reference, example).value == 1.0


def test_a_gold_answer_that_cannot_be_parsed_leaves_the_example_unscored() -> None:
    example = Example("x", "", "", "")
    with pytest.raises(RuntimeError, match="the row's own solution can't be parsed"):
        get_task("math500").score("\\boxed{1}", example)


def test_the_command_refuses_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = copy.deepcopy(sound("gsm8k"))
    rows[3]["answer"] = None
    path = write(tmp_path, rows)
    words = [
        "task=gsm8k",
        f"task.path={path}",
        "task.shots=0",
        "limit=2",
        f"out={tmp_path / 'out'}",
        "wandb=off",
    ]
    monkeypatch.setattr(sys, "argv", ["launch.py", *words])
    assert launch.main() == 2
    shown = capsys.readouterr()
    assert "row 4 (gsm8k-3): answer is empty" in shown.err and len(shown.err.strip().splitlines()) == 1
    assert not list(tmp_path.rglob("*.parquet"))
