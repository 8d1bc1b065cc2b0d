"""GSM8K: rows from files, lm-eval's prompts, both readings of an answer, and gold answers that score."""

from __future__ import annotations

import gzip
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import launch
from pipeline.jobs import log_lines
from pipeline.planning.plan import task_identity
from pipeline.tasks import Example, Task, TaskSettings, open_task, read_task
from pipeline.tasks.gsm8k import cut, flexible_number, plain, strict_number
from pipeline.tasks.rows import digest
from tests.shared import DATA, needs_rows

ROWS = [
    {
        "question": f"Ann has {n} pens and buys {n}. How many now?",
        "answer": f"{n}+{n}=<<{n}+{n}={2 * n}>>{2 * n}\n#### {2 * n}",
    }
    for n in range(600, 612)
]


@pytest.fixture(params=["jsonl", "json", "parquet", "jsonl.gz"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"rows.{request.param}"
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    if request.param == "parquet":
        import pandas as pd

        pd.DataFrame(ROWS).to_parquet(path)
    elif request.param == "jsonl.gz":
        path.write_bytes(gzip.compress(lines.encode()))
    else:
        path.write_text(json.dumps(ROWS) if request.param == "json" else lines)
    return path


def _open(path: Path | str, **more: Any) -> Task:
    read_task.cache_clear()
    return open_task(TaskSettings("gsm8k", "test", 0, path=str(path), **more))


def test_rows_come_from_any_kind_of_file_and_are_the_same_task(file: Path) -> None:
    task = _open(file)
    examples = task.examples("test", 0, 100)
    assert len(examples) == len({example.id for example in examples}) == len(ROWS)
    assert task.examples("test", 0, 5) == examples[:5] and task.examples("test", 1, 12) != examples
    assert all(
        example.prompt.startswith("Question: Ann") and example.prompt.endswith("\nAnswer:")
        for example in examples
    )
    assert task.content == digest(ROWS)


def test_few_shot_examples_come_first_and_are_the_same_for_all(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    task = _open(path, shots=2, shots_path=str(path))
    first, second = task.examples("test", 0, 2)
    assert first.shots == second.shots and len(first.shots) == 2
    (question, answer), *_ = first.shots
    assert first.text == "".join(f"{q}{a}\n\n" for q, a in first.shots) + first.prompt
    assert question.startswith("Question: Ann") and answer.startswith(" 6") and "####" in answer
    assert task.content != _open(path).content
    with pytest.raises(ValueError, match=r"task.shots=13: only 12 rows are available; lower it"):
        _open(path, shots=13, shots_path=str(path))


def test_each_question_may_have_examples_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    drawn = _open(path, shots=2, shots_path=str(path), shot_draw="per_question")
    examples = drawn.examples("test", 0, 12)
    assert len({example.shots for example in examples}) > 6
    assert {example.id: example.shots for example in drawn.examples("test", 5, 4)}.items() <= {
        example.id: example.shots for example in examples
    }.items()
    first = next(example for example in examples if example.id == "gsm8k-0")
    assert first.shots == _open(path, shots=2, shots_path=str(path)).examples("test", 0, 1)[0].shots
    with pytest.raises(ValueError, match=r"task.shots=13: only 12 rows are available; lower it"):
        _open(path, shots=13, shots_path=str(path), shot_draw="per_question")
    plain = _open(path, shot_draw="per_question").examples("test", 0, 12)
    assert plain == _open(path).examples("test", 0, 12), "nothing is drawn"
    for shots, alike in ((0, True), (2, False)):
        same, own = (
            TaskSettings("gsm8k", "test", 0, str(path), None, shots, str(path), shot_draw=draw)
            for draw in ("same", "per_question")
        )
        assert (task_identity(own, "raw") == task_identity(same, "raw")) == alike


@pytest.mark.parametrize("name", ["minerva_math", "mbpp", "humaneval"])
def test_fixed_examples_cant_be_drawn(name: str, tmp_path: Path) -> None:
    row = {"problem": "1?", "answer": "1", "task_id": 11, "text": "a", "code": "b", "test_list": ["f(1)"]}
    row |= {"prompt": "def f():", "canonical_solution": " 1", "test": "def check(f): 1", "entry_point": "f"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    read_task.cache_clear()
    given = TaskSettings(name, "test", 0, path=str(tmp_path / "rows.jsonl"), shot_draw="per_question")
    with pytest.raises(
        ValueError, match=rf"task.shot_draw='per_question': the few-shot .* of {name} are fixed; leave"
    ):
        open_task(given)


@pytest.mark.parametrize(
    ("answer", "strict", "flexible"),
    [
        ("so 3+4=7\n#### 7", "7", "7"),
        ("#### 1,234.", "1,234.", "1,234."),
        ("#### -12", "-12", "-12"),
        ("The answer is $18.", None, "$18."),
        ("#### 7 pens, not 9", "7", "9"),
        ("#### 5\n#### 6", "5", "6"),
        ("####7", None, "7"),
        ("no number", None, None),
        ("", None, None),
    ],
)
def test_an_answer_is_read_in_two_ways(answer: str, strict: str | None, flexible: str | None) -> None:
    assert (strict_number(answer), flexible_number(answer)) == (strict, flexible)


@pytest.mark.parametrize(
    ("number", "expected"),
    [("$1,234.", "1234"), ("7", "7"), ("7.5", "7.5"), ("a\n#### 42", "42"), ("-3", "-3")],
)
def test_numbers_are_compared_in_plain_form(number: str, expected: str) -> None:
    assert plain(number) == expected


def test_what_follows_the_answer_does_not_count() -> None:
    task = _open_rows()
    example = Example("x", "", "", "#### 7")
    assert cut("#### 7\n\nQuestion: 9 and 8?") == "#### 7\n\n"
    assert task.score("#### 7\n\nQuestion: 9 and 8?", example).value == 1.0
    score = task.score("#### 7, that is 8", example)
    assert (score.value, score.metrics, score.extracted) == (0.0, {"strict": 1.0, "flexible": 0.0}, "8")


def _open_rows() -> Task:
    from pipeline.tasks import get_task

    return get_task("gsm8k")


@pytest.mark.slow
@needs_rows
def test_gold_answers_score_and_wrong_ones_do_not() -> None:
    task = _open(DATA / "gsm8k_test.jsonl")
    examples = task.examples("test", 0, 10_000)
    assert len(examples) == 1319
    assert all(task.score(e.reference, e).metrics == {"strict": 1.0, "flexible": 1.0} for e in examples)
    for example, other in itertools.pairwise(examples):
        off = example.reference + "1"
        assert task.score(off, example).metrics == {"strict": 0.0, "flexible": 0.0}
        same = plain(example.check) == plain(other.check)
        assert task.score(other.reference, example).value == float(same)
        assert task.score(example.reference.rsplit("\n", 1)[0], example).metrics["strict"] == 0.0


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (
            None,
            "rows.jsonl",
            "no such file; give a file of the benchmark's rows, or null to download them from the hub",
        ),
        ("{", "rows.jsonl", "cannot be read"),
        ("", "rows.csv", "unknown kind of file; one of .jsonl, .json, .parquet"),
        ('{"text": "a"}', "rows.jsonl", "lacks the columns question, answer; it has text"),
    ],
)
def test_rows_that_cannot_be_read_are_reported_in_one_line(
    content: str | None, name: str, told: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=r"task\.path=") as caught:
        _open(tmp_path / name)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_without_a_network_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    read_task.cache_clear()
    with pytest.raises(
        ValueError, match=r"task\.path=null: openai/gsm8k \(test\) cannot be downloaded"
    ) as caught:
        open_task(TaskSettings("gsm8k", "test", 0))
    assert "give task.path=FILE" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "code", "told", "limit", "every"),
    [
        ("#### 1202", 0, "12/12", 12, "\n"),
        ("7 Question: #### 1202", 1, "11/12", 2, ", every row, whatever limit is\n"),
    ],
)
def test_check_task_counts_references_and_names_wrong_ones(
    answer: str,
    code: int,
    told: str,
    limit: int,
    every: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [*ROWS[:1], {**ROWS[1], "answer": answer}, *ROWS[2:]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["job=check_task", "task=gsm8k", f"task.path={path}", "task.shots=0", f"out={tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["launch.py", *words, f"limit={limit}"])
    assert launch.main() == code
    shown = capsys.readouterr().out
    assert f"reference answers: {told}{every}" in shown
    assert ("gsm8k-1: scores 0 (read: '7')" in shown) == bool(code)


def test_a_log_says_how_far_check_task_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """974 programs of MBPP take a minute, of which a terminal has a bar."""
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    words = ["job=check_task", "task=gsm8k", f"task.path={tmp_path / 'rows.jsonl'}", "task.shots=0"]
    monkeypatch.setattr(log_lines, "PLAIN_SECONDS", 0.0)
    monkeypatch.setattr(sys, "argv", ["launch.py", *words, f"out={tmp_path}"])
    assert launch.main() == 0
    _, *told, _ = capsys.readouterr().out.splitlines()
    assert told == [f"{done}/{len(ROWS)} · 0:00 left" for done in range(1, len(ROWS))]


@pytest.mark.slow
def test_a_benchmark_runs_from_prompt_to_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the bundled model, which cannot solve it: every example is decoded and scored, none correctly."""
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    words = ["task=gsm8k", f"task.path={path}", "task.shots=2", f"task.shots_path={path}"]
    small = ["gen_length=8", "block_length=8", "limit=4", "wandb=off", f"out={tmp_path / 'out'}"]
    monkeypatch.setattr(sys, "argv", ["launch.py", *words, *small])
    assert launch.main() == 0
    folder = Path(capsys.readouterr().out.strip().splitlines()[-1])
    [record] = (folder / "points.csv").read_text().splitlines()[1:]
    assert ",4,0," in record
