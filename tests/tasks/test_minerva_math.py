"""MATH with Minerva's prompt: fixed few-shot examples, the final sentence or the box, plain forms, math-verify."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.evaluation import example_record
from pipeline.storage.record import Record
from pipeline.tasks import Example, Task, TaskSettings, get_task, open_task, read_task, rows
from pipeline.tasks.equivalence import Match, Verifier
from pipeline.tasks.minerva_answer import last_box, plain, sentence
from pipeline.tasks.minerva_math import SUBJECTS, MinervaMath
from tests.shared import DATA, needs_rows

SOLVED = [
    {"problem": f"What is ${n}+{n}$?", "solution": f"It is $\\boxed{{{2 * n}}}$.", "level": "Level 1"}
    for n in range(4, 8)
]
ANSWERED = [{"question": f"What is ${n}+{n}$?", "ground_truth_answer": str(2 * n)} for n in range(4, 8)]
LM_EVALS_SHOTS = "57164f1d8a2f4b6c"  # of the four few-shot examples as lm-eval 0.4.13 joins them


def _open(folder: Path, content: list[dict[str, str]], **more: Any) -> Task:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in content))
    read_task.cache_clear()
    return open_task(TaskSettings("minerva_math", "test", 0, path=str(path), **more))


def _said(answer: str) -> str:
    return f"Final Answer: The final answer is {answer}. I hope it is correct."


def _example(answer: str, solution: str | None = None) -> Example:
    return Example("x", "", "", {"answer": answer, "solution": solution or f"\\boxed{{{answer}}}"})


@pytest.mark.parametrize("content", [SOLVED, ANSWERED], ids=["solutions", "answers"])
def test_rows_have_a_solution_or_an_answer(content: list[dict[str, str]], tmp_path: Path) -> None:
    task = _open(tmp_path, content)
    examples = {example.id: example for example in task.examples("test", 0, 100)}
    first = examples["minerva_math-0"]
    assert len(examples) == 4 and first.prompt == "Problem:\nWhat is $4+4$?\n\nSolution:"
    assert first.check["answer"] == "8" and first.reference.endswith(_said("$8$"))
    for example in examples.values():
        score = task.score(example.reference, example)
        assert (score.value, score.metrics) == (1.0, {"strict": 1.0, "exact": 1.0})


def test_a_solution_takes_precedence_over_an_answer(tmp_path: Path) -> None:
    task = _open(tmp_path, [{**SOLVED[0], "answer": "9"}, {**SOLVED[1], "solution": "None.", "answer": "10"}])
    found = {example.id: example.check["answer"] for example in task.examples("test", 0, 2)}
    assert found == {"minerva_math-0": "8", "minerva_math-1": "10"}


def test_a_row_without_an_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"task\.path=.*row 2 \(minerva_math-1\): has neither a solution"
    ) as caught:
        _open(tmp_path, [SOLVED[0], {**SOLVED[1], "solution": "It is 10."}])
    assert "\n" not in str(caught.value)


def test_the_few_shot_examples_are_lm_evals_verbatim(tmp_path: Path) -> None:
    example = _open(tmp_path, SOLVED, shots=4).examples("test", 0, 1)[0]
    shots = example.text.removesuffix(example.prompt)
    assert hashlib.sha256(shots.encode()).hexdigest().startswith(LM_EVALS_SHOTS)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_fewer_few_shot_examples_are_the_first_ones(count: int, tmp_path: Path) -> None:
    four = _open(tmp_path, SOLVED, shots=4)
    task = _open(tmp_path, SOLVED, shots=count)
    assert task.examples("test", 0, 1)[0].shots == four.examples("test", 0, 1)[0].shots[:count]
    assert (task.content == four.content) == (count == 4)


def test_there_are_four_few_shot_examples_and_no_others(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"task\.shots=5: minerva_math has 4 few-shot examples of its own; low"
    ):
        _open(tmp_path, SOLVED, shots=5)
    with pytest.raises(
        ValueError, match=r"task\.shots_path='x': the few-shot examples of minerva_math are fix"
    ):
        _open(tmp_path, SOLVED, shots=2, shots_path="x")


def test_all_subjects_of_the_hub_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, subject: str, **named: Any) -> list[dict[str, str]]:
        assert (name, named) == ("EleutherAI/hendrycks_math", {"split": "test", "revision": "v1"})
        return [{**SOLVED[0], "type": subject}]

    monkeypatch.setattr(rows, "_load", load)
    read_task.cache_clear()
    task = open_task(TaskSettings("minerva_math", "test", 0, revision="v1"))
    assert isinstance(task, MinervaMath) and [row["type"] for row in task.rows] == list(SUBJECTS)
    assert len(SUBJECTS) == len(set(SUBJECTS)) == 7


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (_said("$[2,5)$"), "$[2,5)$"),
        (f"Work.\n{_said('24')}\n", "24"),
        (_said("$1$") + _said("$2$"), "$1$"),
        ("Final Answer: The final answer is $7$. ", "$7$"),
        ("Final Answer: The final answer is $7$", None),
        ("The final answer is $7$. I hope it is correct.", None),
        ("\\boxed{7}", None),
        ("", None),
    ],
)
def test_the_final_sentence_is_read(answer: str, expected: str | None) -> None:
    assert sentence(answer) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$\\boxed{1}$ and $\\boxed{\\frac{1}{2}}$", "\\frac{1}{2}"),
        ("so $x=\\boxed 7$ then", "7"),
        ("\\boxed{7", None),
        ("7", None),
    ],
)
def test_the_last_box_is_read(text: str, expected: str | None) -> None:
    assert last_box(text) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("x = 5", "5"),
        ("x = y + z = 5", "5"),
        ("$24$", "24"),
        ("so it is $\\frac12$, I think", "\\frac{1}{2}"),
        ("\\sqrt2", "\\sqrt{2}"),
        ("\\sqrt[3]2", "\\sqrt[3]{2}"),
        ("12\\text{ cm}", "12"),
        ("10 square inches", "10"),
        ("2\\pi cm", "2\\pi"),
        ("30^\\circ", "30"),
        ("1,234,567", "1234567"),
        ("1{,}234", "1234"),
        ("0,1", "0,1"),
        ("\\$5.50", "5.50"),
        ("\\text{Evelyn}", "Evelyn"),
        ("\\left(3, 4\\right)", "\\left(3,4\\right)"),
        ("3\\text{ and }5", "3,5"),
        ("[0, \\infty)", "[0,\\infty)"),
        ("", ""),
    ],
)
def test_an_answer_has_a_plain_form(answer: str, expected: str) -> None:
    assert plain(answer) == expected


@pytest.mark.parametrize(
    ("gold", "answer", "value", "strict", "exact", "extracted"),
    [
        ("7", _said("$7$"), 1, 1, 1, "$7$"),
        ("7", f"so $\\boxed{{8}}$.\n{_said('$7$')}", 1, 1, 1, "$7$"),
        ("7", f"so $\\boxed{{7}}$.\n{_said('$8$')}", 0, 0, 0, "$8$"),
        ("7", "It is $\\boxed{7}$.", 1, 0, 1, "7"),
        ("7", "It is $\\boxed{8}$.", 0, 0, 0, "8"),
        ("7", _said("$\\sqrt{49}$"), 1, 0, 0, "$\\sqrt{49}$"),
        ("\\frac{1}{2}", _said("$\\frac12$"), 1, 1, 1, "$\\frac12$"),
        ("1000", _said("$1,000$"), 1, 1, 1, "$1,000$"),
        ("7", f"{_said('$7$')}\n\nProblem:\nWhat?\n\nSolution: {_said('$8$')}", 1, 1, 1, "$7$"),
        ("7", "Problem: $7$", 0, 0, 0, None),
        ("7", "No idea.", 0, 0, 0, None),
        ("7", "", 0, 0, 0, None),
    ],
)
def test_an_answer_is_compared_by_value_and_verbatim(
    gold: str, answer: str, value: float, strict: float, exact: float, extracted: str | None
) -> None:
    score = get_task("minerva_math").score(answer, _example(gold, f"Thus $x=\\boxed{{{gold}}}$."))
    assert (score.value, score.metrics) == (value, {"strict": strict, "exact": exact})
    assert score.extracted == extracted


class Late(Verifier):
    def compare(self, gold: str, answer: str) -> Match:
        raise TimeoutError("too busy a machine")


def test_a_comparison_that_fails_leaves_the_example_unscored() -> None:
    task = replace(MinervaMath(), verifier=Late())
    scored = example_record.scored(
        task, _example("7"), Record("s", "minerva_math", "x", 0, answer=_said("$7$"))
    )
    assert scored.score is None
    assert scored.error == "scoring: TimeoutError: too busy a machine"


@needs_rows
@pytest.mark.slow
def test_gold_answers_score_and_those_of_others_do_not() -> None:
    read_task.cache_clear()
    task = open_task(TaskSettings("minerva_math", "test", 0, path=str(DATA / "math500.json")))
    examples = task.examples("test", 0, 1000)
    assert len(examples) == 500
    for example in examples:
        score = task.score(example.reference, example)
        assert (score.value, score.metrics) == (1.0, {"strict": 1.0, "exact": 1.0}), example.reference
    for example, other in itertools.pairwise(examples[:50]):
        if plain(example.check["answer"]) != plain(other.check["answer"]):
            assert task.score(other.reference, example).metrics == {"strict": 0.0, "exact": 0.0}
