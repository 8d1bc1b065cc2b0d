"""TruthfulQA with free answers: lm-eval's prompt, uniform references, BLEU and ROUGE against both kinds."""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import launch
from pipeline.evaluation import example_record
from pipeline.storage.record import Record
from pipeline.tasks import Example, Task, TaskSettings, get_task, open_task, read_task
from pipeline.tasks.rows import digest
from pipeline.tasks.truthfulqa_gen import figures, sentences, similarity

ROWS = [
    {
        "type": "Adversarial",
        "category": "Made up",
        "question": f" Does drinking {n} cups of tea make you fly?",
        "best_answer": f"No, {n} cups of tea do not make anybody fly",
        "correct_answers": [f"No, {n} cups of tea do not make anybody fly", "Tea makes nobody fly.", " "],
        "incorrect_answers": ["Yes, tea makes you fly", f"You fly after {n} cups of strong tea."],
    }
    for n in range(20, 26)
]
LM_EVALS_PRIMER = "045b3bd4d959b723"  # of the text that lm-eval 0.4.13 puts in front of the question


def _file(folder: Path, rows: list[dict[str, Any]], kind: str = "jsonl") -> Path:
    path = folder / f"rows.{kind}"
    if kind == "parquet":
        pd.DataFrame(rows).to_parquet(path)
    elif kind == "json":
        path.write_text(json.dumps(rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _open(path: Path, **more: Any) -> Task:
    read_task.cache_clear()
    return open_task(TaskSettings("truthfulqa_gen", "validation", 0, path=str(path), **more))


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet"])
def test_lists_of_references_survive_every_kind_of_file(kind: str, tmp_path: Path) -> None:
    task = _open(_file(tmp_path, ROWS, kind))
    examples = {example.id: example for example in task.examples("validation", 0, 100)}
    assert len(examples) == len(ROWS) and task.content == digest(ROWS)
    assert examples["truthfulqa_gen-0"].check == {
        "correct": [
            "No, 20 cups of tea do not make anybody fly.",
            "Tea makes nobody fly.",
            "I have no comment.",
        ],
        "incorrect": ["Yes, tea makes you fly.", "You fly after 20 cups of strong tea."],
    }


def test_the_prompt_is_lm_evals_verbatim(tmp_path: Path) -> None:
    prompt = _open(_file(tmp_path, ROWS)).examples("validation", 0, 1)[0].text
    primer, question, rest = re.split(r"(Does drinking \d+ cups of tea make you fly\?)", prompt)
    assert hashlib.sha256(primer.encode()).hexdigest().startswith(LM_EVALS_PRIMER)
    assert question and rest == ""


def test_there_are_no_few_shot_examples_but_the_primer(tmp_path: Path) -> None:
    path = _file(tmp_path, ROWS)
    with pytest.raises(ValueError, match=r"task\.shots=1: truthfulqa_gen has 0 few-shot examples of its own"):
        _open(path, shots=1)
    with pytest.raises(
        ValueError, match=r"task\.shots_path='x': the few-shot examples .* are fixed; leave it"
    ):
        _open(path, shots_path="x")


@pytest.mark.parametrize(
    ("column", "value"),
    [("correct_answers", "One; two"), ("incorrect_answers", []), ("correct_answers", [" "])],
)
def test_references_that_are_not_a_list_are_refused_by_row(column: str, value: Any, tmp_path: Path) -> None:
    rows = [{**ROWS[0], column: value}]
    with pytest.raises(ValueError, match=rf"task\.path=.*row 1 \(truthfulqa_gen-0\): {column}") as caught:
        _open(_file(tmp_path, rows))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [(["A cat"], ["A cat."]), ([" A cat. "], ["A cat."]), (["Really?"], ["Really?."]), (["", "  "], [])],
)
def test_references_end_in_a_full_stop(answers: list[str], expected: list[str]) -> None:
    assert sentences(answers) == expected


CHECK = {
    "correct": ["The moon is made of rock and dust.", "I have no comment."],
    "incorrect": ["The moon is made of green cheese.", "It is a lamp."],
}


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("\nA: The moon is made of rock and dust.", 1.0),
        ("The moon is made of rock.", 1.0),
        ("\nA: I have no comment.", 1.0),
        ("\nA: The moon is made of rock and dust.\n\nQ: Is it a lamp?\nA: It is a lamp.", 1.0),
        ("\nA: The moon is made of green cheese.", 0.0),
        ("The moon is made of cheese.", 0.0),
        ("\nA: Perhaps.", 0.0),
        ("\n\nA: The moon is made of rock and dust.", 0.0),
        ("", 0.0),
    ],
)
def test_an_answer_closer_to_a_correct_reference_scores(answer: str, value: float) -> None:
    score = get_task("truthfulqa_gen").score(answer, Example("x", "", "", CHECK))
    assert score.value == score.metrics["bleu_acc"] == value
    assert score.extracted == (answer.split("\n\n")[0].strip() or None)
    assert all(score.metrics[f"rouge{n}_acc"] == value for n in (1, 2, "L"))


def test_the_figures_are_the_best_on_either_side() -> None:
    answer = "The moon is made of green rock."
    found = figures(answer, CHECK["correct"], CHECK["incorrect"])
    for measure in ("bleu", "rouge1", "rouge2", "rougeL"):
        right = max(similarity(answer, reference)[measure] for reference in CHECK["correct"])
        wrong = max(similarity(answer, reference)[measure] for reference in CHECK["incorrect"])
        assert found[f"{measure}_max"] == right and found[f"{measure}_diff"] == right - wrong
        assert found[f"{measure}_acc"] == float(right > wrong)
    assert len(found) == 12


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("The moon is made of rock.", "The moon is made of rock."),
        ("A: the moon, they say, is rock.", "The moon is made of rock and dust."),
        ("Rock of made is moon the", "The moon is made of rock."),
        ("no no no no no", "No, there is no moon."),
        ("Yes, I have many comments, all of them long and dull.", "I have no comment."),
        ("No.", "No."),
        ("zebra crossing ahead today", "I have no comment."),
        ("", "I have no comment."),
    ],
)
def test_similarity_is_what_the_definitions_say(answer: str, reference: str) -> None:
    found = similarity(answer, reference)
    assert found["bleu"] == pytest.approx(_bleu(answer, reference))
    left, right = (re.findall("[a-z0-9]+", text.lower()) for text in (answer, reference))
    for order in (1, 2):
        one, other = _grams(left, order), _grams(right, order)
        assert found[f"rouge{order}"] == pytest.approx(_f1((one & other).total(), one.total(), other.total()))
    assert found["rougeL"] == pytest.approx(_f1(_common(left, right), len(left), len(right)))


def _grams(words: list[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[at : at + order]) for at in range(len(words) - order + 1))


def _f1(hits: int, one: int, other: int) -> float:
    return 200 * hits / (one + other) if hits else 0.0


def _common(left: list[str], right: list[str]) -> int:
    """The length of the longest common subsequence."""
    if not left or not right:
        return 0
    if left[-1] == right[-1]:
        return 1 + _common(left[:-1], right[:-1])
    return max(_common(left[:-1], right), _common(left, right[:-1]))


def _bleu(answer: str, reference: str) -> float:
    """Papineni et al. (2002) of one sentence, to order 4; the n-th order without a hit counts 1/2^n of a hit."""
    left, right = (re.findall(r"\w+|[^\w\s]", text) for text in (answer, reference))
    logs, missed = [], 0
    for order in (1, 2, 3, 4):
        one, other = _grams(left, order), _grams(right, order)
        if not one or (order == 1 and not one & other):
            return 0.0
        missed += not one & other
        logs.append(math.log(((one & other).total() or 0.5**missed) / one.total()))
    return 100 * math.exp(sum(logs) / 4 + min(0.0, 1 - len(right) / len(left)))


def test_a_scorer_that_raises_leaves_the_example_unscored() -> None:
    record = Record("s", "truthfulqa_gen", "x", 0, answer="Rock.")
    example = Example("x", "", "", {**CHECK, "incorrect": []})
    scored = example_record.scored(get_task("truthfulqa_gen"), example, record)
    assert (
        scored.score is None and scored.error is not None and scored.error.startswith("scoring: ValueError")
    )


def test_check_task_finds_that_the_best_answers_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _file(tmp_path, [*ROWS, {**ROWS[0], "best_answer": "Yes, tea makes you fly."}])
    words = ["job=check_task", "task=truthfulqa_gen", f"task.path={path}", f"out={tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["launch.py", *words])
    assert launch.main() == 1
    shown = capsys.readouterr().out
    assert "reference answers: 6/7" in shown and "truthfulqa_gen-6: scores 0" in shown
