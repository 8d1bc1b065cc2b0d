"""HumanEval: what is asked, which program is run, and what passes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.sandbox import LEVELS
from pipeline.tasks import Example, Task, TaskSettings, open_task

PROMPT = 'import math\n\n\ndef area(r):\n    """The area of a circle."""\n'
SOLUTION = "    return math.pi * r ** 2\n"
ROW = {
    "task_id": "Mine/0",
    "prompt": PROMPT,
    "entry_point": "area",
    "canonical_solution": SOLUTION,
    "test": "def check(candidate):\n    assert candidate(0) == 0\n    assert abs(candidate(2) - 12.56637) < 1e-4\n",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(ROW).encode()))
    return path


def _open(path: Path, **more: Any) -> Task:
    return open_task(TaskSettings("humaneval", "test", 0, path=str(path), **more))


def _only(task: Task) -> Example:
    [example] = task.examples("test", 0, 9)
    return example


def test_a_model_continues_the_prompt_and_a_chat_is_asked_for_it(file: Path) -> None:
    example, code = _only(_open(file)), f"```python\n{PROMPT}\n"
    asked = "Write a solution to the following problem and make sure that it passes the tests:\n"
    assert example.id == "Mine/0" and example.text == PROMPT and example.chat
    for style in ("text", "turns"):
        opening = f"Here is the completed function:\n{code}"
        turn = {"role": "user", "content": f"{asked}{code}```\n"}
        assert example.turns("instruct", style) == ([turn], opening)  # type: ignore[arg-type]
        assert example.turns("completion", style) == ([{**turn, "content": PROMPT}], "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "value", "harness"),
    [
        (SOLUTION, 1.0, 1.0),
        ("    return math.pi * r * r\n```\nThat is the area.", 1.0, 1.0),
        ("    return math.pi * r * r\n\ndef other(:\n", 1.0, 1.0),
        ("    return math.pi * r * r\n    so it is\n", 1.0, 0.0),
        ("```python\ndef area(r):\n    return math.pi * r * r\n```", 1.0, 0.0),
        ("    return 3 * r * r\n", 0.0, 0.0),
        ("    return math.pi * r\n", 0.0, 0.0),
        ("    import os; os._exit(0)\n", 0.0, 0.0),
        ("    raise SystemExit(0)\n", 0.0, 0.0),
        ("    print('passed')\n", 0.0, 0.0),
        ("    pass\ncheck = lambda candidate: None\n", 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_what_passes(answer: str, value: float, harness: float, file: Path) -> None:
    task = _open(file)
    score = task.score(answer, _only(task))
    assert (score.value, score.metrics) == (value, {"harness": harness})
    assert score.sandbox in LEVELS


def test_it_has_no_few_shot_examples(file: Path) -> None:
    with pytest.raises(ValueError, match=r"task\.shots=2: humaneval has 0 few-shot examples of its own"):
        _open(file, shots=2)
