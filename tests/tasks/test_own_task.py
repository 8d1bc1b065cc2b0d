"""A task of one's own that isn't right yet: what is wrong is told in a line, by job=check_task and by a sweep."""

from __future__ import annotations

import inspect
import json
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import launch
from pipeline.evaluation.example_record import scored
from pipeline.storage.record import Record
from pipeline.tasks import TASKS, Example, GeneratedTask, Score, score_of
from pipeline.tasks.benchmark import Benchmark
from pipeline.tasks.rows import Row

HERE = "tests/tasks/test_own_task.py"


class Capitals(Benchmark):
    name, version = "gsm8k", 1  # under the name of one that has a config
    metric = "the answer names the capital"
    columns = ("country", "capital")

    def question(self, row: Row) -> str:
        return f"The capital of {row['country']} is"

    def solution(self, row: Row) -> str:
        return f" {row['capital']}"

    def check(self, row: Row) -> Any:
        return row["capital"]

    def score(self, answer: str, example: Example) -> Score:
        return Score(float(example.check in answer), answer.strip())


class Misspelt(Capitals):
    def check(self, row: Row) -> Any:
        return row["captial"]


class NotANumber(Capitals):
    def check(self, row: Row) -> Any:
        return int(row["capital"])


class NoText(Capitals):
    def question(self, row: Row) -> Any:
        return len(row["country"])


class Plain(Capitals):
    def score(self, answer: str, example: Example) -> Any:
        return float(example.check in answer)


class TooMuch(Capitals):
    def score(self, answer: str, example: Example) -> Score:
        return Score(2.0, answer)


class Unguarded(Capitals):
    def score(self, answer: str, example: Example) -> Score:
        return Score(float(answer.split()[3] == example.check), answer)


class Leaving(Capitals):
    def score(self, answer: str, example: Example) -> Score:
        sys.exit("no capital")


class Quitting(Capitals):
    def question(self, row: Row) -> str:
        raise SystemExit("no country")


class Ended(Capitals):
    def belongs(self, row: Row, split: str) -> bool:
        exit()


class Unmade(Capitals):
    def __init__(self) -> None:
        self.places  # type: ignore[attr-defined]  # noqa: B018


class NoColumns(Capitals):
    @property
    def columns(self) -> Any:
        return self.colunms  # type: ignore[attr-defined]


class Choosy(Capitals):
    def belongs(self, row: Row, split: str) -> bool:
        return bool(row["splt"] == split)


class Unasked(Capitals):
    def question(self, row: Row) -> str:
        return Benchmark.question(self, row)


Asked = Callable[..., tuple[int, str]]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    """(task, words) -> exit code, what was printed."""
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"country": "France", "capital": "Paris"}) + "\n")

    def ask(task: type[Benchmark], *words: str) -> tuple[int, str]:
        monkeypatch.setitem(TASKS, "gsm8k", task)
        places = [f"task.path={path}", "task.shots=0", f"out={tmp_path}"]
        monkeypatch.setattr(sys, "argv", ["launch.py", "task=gsm8k", *places, *words])
        code = launch.main()
        return code, "".join(capsys.readouterr())

    return ask


def line_of(kind: type, method: str) -> str:
    return f"{HERE}:{inspect.getsourcelines(getattr(kind, method))[1] + 1}"


def test_a_sound_one_is_told_without_an_empty_line(asked: Asked) -> None:
    told = "checking gsm8k: 1 reference answer\nreference answers: 1/1\n"
    assert asked(Capitals, "job=check_task") == (0, told)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "fault"),
    [
        (Misspelt, f"KeyError: 'captial' ({line_of(Misspelt, 'check')})"),
        (NotANumber, f"invalid literal for int() with base 10: 'Paris' ({line_of(NotANumber, 'check')})"),
        (
            Quitting,
            "RuntimeError: exit('no country') was called, which would end all decoding; raise an error "
            f"({line_of(Quitting, 'question')})",
        ),
    ],
)
@pytest.mark.parametrize("job", ["check_task", "plan", "run"])
def test_a_row_that_becomes_no_example_is_told_with_the_place(
    job: str, task: type[Benchmark], fault: str, asked: Asked
) -> None:
    code, shown = asked(task, f"job={job}")
    assert code == 2 and fault in shown and len(shown.splitlines()) == 1


@pytest.mark.parametrize(
    ("task", "fault"),
    [
        (NoColumns, "AttributeError: 'NoColumns' object has no attribute 'colunms'"),
        (Choosy, f"KeyError: 'splt' ({line_of(Choosy, 'belongs')})"),
        (Ended, "RuntimeError: exit(None) was called"),
    ],
)
@pytest.mark.parametrize("job", ["check_task", "run"])
def test_a_task_that_slips_as_it_reads_its_rows_is_told(
    job: str, task: type[Benchmark], fault: str, asked: Asked
) -> None:
    code, shown = asked(task, f"job={job}")
    assert code == 2 and len(shown.splitlines()) == 1
    assert shown.startswith(f"task.name='gsm8k': can't read its rows ({fault}") and shown.endswith(
        "; mend it\n"
    )


def test_a_task_that_slips_as_it_is_made_is_told(asked: Asked) -> None:
    fault = f"AttributeError: 'Unmade' object has no attribute 'places' ({line_of(Unmade, '__init__')})"
    assert asked(Unmade) == (2, f"task.name='gsm8k': can't be made ({fault}); mend it\n")


def test_what_a_generator_draws_is_checked() -> None:
    class Two(GeneratedTask):
        name = "two"

        def draw(self, rng: random.Random) -> Any:
            return "1+1=", "2"

    with pytest.raises(ValueError, match=re.escape("two.draw returns ('1+1=', '2'); let it return a tuple")):
        Two().examples("test", 0, 1)


def test_what_a_task_lacks_is_told_and_no_row_is_blamed(asked: Asked) -> None:
    what = "an example can't be made a question of gsm8k (NotImplementedError: gsm8k has no question(row))"
    assert asked(Unasked, "job=check_task") == (2, f"task.name='gsm8k': {what}; mend it\n")


@pytest.mark.parametrize("job", ["check_task", "plan", "run"])
def test_a_question_is_text(job: str, asked: Asked) -> None:
    assert asked(NoText, f"job={job}") == (2, "an example's prompt is 6; make it text\n")


@pytest.mark.parametrize(
    ("task", "fault"),
    [
        (Plain, "TypeError: gsm8k.score returns a float; let it return a Score"),
        (TooMuch, "ValueError: score 2.0: is no number from 0 to 1"),
        (Unguarded, f"IndexError: list index out of range ({line_of(Unguarded, 'score')})"),
        (
            Leaving,
            "RuntimeError: exit('no capital') was called, which would end all decoding; raise an error "
            f"({line_of(Leaving, 'score')})",
        ),
    ],
)
def test_a_scorer_that_gives_no_score_is_told(task: type[Benchmark], fault: str, asked: Asked) -> None:
    assert asked(task, "job=check_task") == (
        1,
        f"checking gsm8k: 1 reference answer\ngsm8k-0: {fault}\nreference answers: 0/1\n",
    )
    example = Example("gsm8k-0", "", "", "Paris")
    assert scored(task(), example, Record("", "", "", 0, answer="Paris")).error == f"scoring: {fault}"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ((float("nan"), "7"), "score nan: is no number from 0 to 1"),
        (("1", "7"), "score '1': is no number from 0 to 1"),
        ((1.0, 7), "score's extracted 7: is no text; give the text that was read, or None"),
        ((1.0, "7", {"strict": "yes"}), "score's metric 'strict': is 'yes', no number; give a number"),
        ((1.0, "7", {7: 1.0}), "score's metric 7: is 1.0, no number; give a number"),
    ],
)
def test_a_score_is_what_a_record_can_hold(values: Any, line: str) -> None:
    """A slice that can't be stored would fail its setting, with what pyarrow says of it."""
    with pytest.raises(ValueError) as caught:
        Score(*values)
    assert str(caught.value) == line
    assert score_of(Capitals(), "Paris", Example("", "", "", "Paris")) == Score(True, "Paris")
