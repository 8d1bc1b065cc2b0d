"""GSM8K asked for its reasoning: lm-eval's two wordings, its stops and both of its readings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.tasks import TaskSettings, read_task

ROW = {"question": "Ann has 2 pens and buys 3. How many?", "answer": "2 + 3 = 5\n#### 1,005"}


def opened(tmp_path: Path, name: str, **more: object):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROW) + "\n")
    return read_task(TaskSettings(name, "test", 0, path=str(path), **more))


@pytest.mark.parametrize(
    "name, end", [("gsm8k_cot", "\nA:"), ("gsm8k_cot_zeroshot", "\nA: Let's think step by step.")]
)
def test_the_wording_is_lm_evals(tmp_path: Path, name: str, end: str) -> None:
    [example] = opened(tmp_path, name).examples("test", 0, 5)
    assert example.text == f"Q: {ROW['question']}{end}" and example.chat is None


@pytest.mark.parametrize(
    "answer, strict, flexible",
    [
        (" It is 1005. The answer is 1,005.", 1, 1),
        (" $1,005", 0, 1),
        (" The answer is 1005. Or 7?", 1, 0),
        (" 1005\nQ: and 9?", 0, 1),  # what follows a stop is not read
        (" none", 0, 0),
    ],
)
def test_an_answer_is_read_twice(tmp_path: Path, answer: str, strict: int, flexible: int) -> None:
    task = opened(tmp_path, "gsm8k_cot")
    score = task.score(answer, task.examples("test", 0, 1)[0])
    assert score.metrics == {"strict": strict, "flexible": flexible} and score.value == flexible


def test_its_own_solution_scores(tmp_path: Path) -> None:
    task = opened(tmp_path, "gsm8k_cot")
    [example] = task.examples("test", 0, 1)
    assert task.score(example.reference, example).value == 1


def test_examples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"^task.shots=2: gsm8k_cot has 0 few-shot examples of its own; lower it$"
    ):
        opened(tmp_path, "gsm8k_cot", shots=2)
