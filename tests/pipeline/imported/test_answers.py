"""Files of answers from elsewhere: what is read, what is refused, and which example an answer is to."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.errors import ConfigError
from pipeline.imported.answers import Answer, read_answers
from pipeline.imported.foreign import NO_NFE, foreign_point
from pipeline.imported.matching import Matched, match
from pipeline.imported.settings import ImportedSettings
from pipeline.jobs.import_job import _notes
from pipeline.storage.record import UNANSWERED
from pipeline.tasks import Task, TaskSettings, open_task

ROWS = [{"question": f"What is {n} + 1?", "answer": f"It is.\n#### {n + 1}"} for n in range(4)]


@pytest.fixture
def task(tmp_path: Path) -> Task:
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    return open_task(TaskSettings("gsm8k", "test", 0, path=str(tmp_path / "rows.jsonl")))


def logged(place: int, text: str, log: str = "strict-match", doc: Any = None) -> dict[str, Any]:
    """As lm-eval writes a row (lm_eval/evaluator.py), of a task that asks twice: what is said first counts."""
    row = {"doc_id": place, "doc": doc or ROWS[place], "target": ROWS[place]["answer"]}
    return {
        **row,
        "resps": [[text, f"{text}, or so"]],
        "filtered_resps": ["[invalid]"],
        "filter": log,
        "exact_match": 0.0,
    }


def written(tmp_path: Path, *rows: Any) -> str:
    file = tmp_path / "samples_gsm8k.jsonl"
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return str(file)


def test_a_log_of_lm_eval_counts_an_answer_once_and_refuses_the_rest(tmp_path: Path, task: Task) -> None:
    file = written(
        tmp_path,
        logged(0, "so #### 1"),
        logged(0, "so #### 1", "flexible-extract"),
        logged(1, "one answer"),
        logged(1, "another"),
        logged(2, "moved", doc={**ROWS[3]}),
        logged(2, "other rows", doc={"question": "else?", "answer": "#### 0"}),
        "{broken",
        {"doc_id": 3, "resps": [[[-1.5, True]]]},
    )
    read = read_answers(ImportedSettings(file=file, name="x"))
    examples = task.examples("test", 0, 4)
    matched = match(read.found, task, examples)
    [answers] = matched.points.values()
    assert {examples[position].id: own.text for position, own in answers.items()} == {
        "gsm8k-0": "so #### 1",
        "gsm8k-3": "moved",
    }
    assert [line.split(":")[0] for line in (*read.refused, *matched.refused)] == [
        "line 7",
        "line 8",
        "line 4",
        "line 6",
    ]


def test_of_equal_rows_each_has_the_answer_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "twice.jsonl").write_text("\n".join(json.dumps(ROWS[n]) for n in (0, 1, 1)))
    task = open_task(TaskSettings("gsm8k", "test", 0, path=str(tmp_path / "twice.jsonl")))
    file = written(tmp_path, logged(1, "first", doc=ROWS[1]), logged(2, "second", doc=ROWS[1]))
    examples = task.examples("test", 0, 3)
    matched = match(read_answers(ImportedSettings(file=file, name="x")).found, task, examples)
    [answers] = matched.points.values()
    assert {examples[n].id: own.text for n, own in answers.items()} == {
        "gsm8k-1": "first",
        "gsm8k-2": "second",
    }


@pytest.mark.parametrize("calls", [3, None])
def test_an_answer_ends_at_its_tasks_stops_and_one_without_nfe_counts_only_where_none_has_any(
    calls: int | None, task: Task
) -> None:
    examples = task.examples("test", 0, 4)
    right = [f"#### {int(example.id[-1]) + 1}\n" for example in examples]
    own = {
        0: Answer(1, examples[0].id, f"{right[0]}Question: and then? #### 9", calls, None),
        2: Answer(2, examples[2].id, right[2], None, None),
    }
    setting: Any = SimpleNamespace(id="s", task=SimpleNamespace(name="gsm8k"))
    first, left_out, last = foreign_point(setting, own, task, examples).records
    assert (first.score, first.answer, first.nfe, first.error) == (1.0, right[0], calls, None)
    assert (left_out.score, left_out.error) == (None, UNANSWERED)
    assert (last.score, last.error) == ((None, NO_NFE) if calls else (1.0, None))


def test_the_same_answer_twice_is_one(tmp_path: Path, task: Task) -> None:
    """As where two logs were put together; with another NFE it is another."""
    own, other = ({"example": f"gsm8k-{n}", "answer": "2", "nfe": 3} for n in (1, 2))
    read = read_answers(
        ImportedSettings(file=written(tmp_path, own, other, own, {**other, "nfe": 4}), name="x")
    )
    matched = match(read.found, task, task.examples("test", 0, 4))
    [answers] = matched.points.values()
    assert [(answer.example, answer.line) for answer in answers.values()] == [("gsm8k-1", 1)]
    assert [line.split(":")[0] for line in matched.refused] == ["line 4"]


def test_points_and_nfe_of_plain_rows(tmp_path: Path, task: Task) -> None:
    rows = [{"example": "gsm8k-1", "answer": "2", "nfe": n, "tau": tau} for n, tau in ((3, 0.5), (None, 0.9))]
    bad = [
        {"example": "no", "answer": "2", "tau": 1},
        {"example": "gsm8k-2", "answer": "1", "tau": 1, "nfe": 0.5},
    ]
    file = written(tmp_path, *rows, *bad)
    read = read_answers(ImportedSettings(file=file, name="x", point="tau"))
    matched = match(read.found, task, task.examples("test", 0, 4))
    assert [(point, own.nfe) for point, found in matched.points.items() for own in found.values()] == [
        (0.5, 3),
        (0.9, None),
    ]
    assert _notes(matched, [], "it")[1:] == ["1 of 2 points without an NFE: listed, but on no front."]
    some = Matched({1: {0: Answer(1, "a", "", None, 1), 1: Answer(2, "b", "", 3, 1)}}, ())
    assert not _notes(some, [], "it")[1:], "of some answers it is known"
    assert "nfe=0.5" in read.refused[0] and "'no' is no example" in matched.refused[0]


def test_a_column_of_nfe_that_no_row_has_is_no_silent_lack_of_it(tmp_path: Path) -> None:
    """`NFE` for `nfe` left all points off the front. Of rows without any, nothing need be said."""
    file = written(tmp_path, {"example": "gsm8k-1", "answer": "2", "steps": 3}, "{broken")
    line = r"^imported.nfe=STEPS: no row has that column; .* \(columns: answer, example, steps\)$"
    with pytest.raises(ConfigError, match=line):
        read_answers(ImportedSettings(file=file, name="x", nfe="STEPS"))
    for nfe, known in (("steps", 3), ("nfe", None), (7, 7)):
        [answer] = read_answers(ImportedSettings(file=file, name="x", nfe=nfe)).found
        assert answer.nfe == known


def test_a_file_without_an_answer_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"has no row with an answer; line 1: lacks answer; it has example"
    ) as error:
        read_answers(ImportedSettings(file=written(tmp_path, {"example": "a"}), name="x"))
    assert len(error.value.lines) == 1


@pytest.mark.parametrize("mark", ["\u2028", "\u0085", "\x1c", "\r"])
def test_a_row_ends_only_where_its_line_does(mark: str, tmp_path: Path) -> None:
    """lm-eval writes what is no ASCII as it is (lm_eval/loggers/evaluation_tracker.py, `ensure_ascii=False`)."""
    rows = [{"example": str(n), "answer": f"a{mark}b"} for n in range(2)]
    file = tmp_path / "rows.jsonl"
    text = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    file.write_bytes(text.encode("utf-8-sig"))
    read = read_answers(ImportedSettings(file=str(file), name="x"))
    assert [(own.line, own.text) for own in read.found] == [(1, f"a{mark}b"), (2, f"a{mark}b")]
    assert not read.refused


def test_an_example_may_be_named_by_a_number(tmp_path: Path) -> None:
    rows = [{"example": name, "answer": ""} for name in (7, "7", True, 1.5, None)]
    read = read_answers(ImportedSettings(file=written(tmp_path, *rows)))
    assert [own.example for own in read.found] == ["7", "7"] and len(read.refused) == 3


def test_half_a_character_is_read_as_one_that_is_unknown(tmp_path: Path) -> None:
    file = written(
        tmp_path, '{"example": "a", "answer": "x\\ud83d"}', '{"example": "a", "answer": "\\ud83d\\ude00"}'
    )
    assert [own.text for own in read_answers(ImportedSettings(file=file)).found] == ["x\ufffd", "\U0001f600"]


@pytest.mark.parametrize("value", ["Infinity", "NaN", "1e300", "0", "2.5", "true", '"3"', "-1"])
def test_what_is_no_number_of_calls_is_refused(value: str, tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '{"example": "a", "answer": "", "nfe": 3.0}',
        f'{{"example": "a", "answer": "", "nfe": {value}}}',
    )
    read = read_answers(ImportedSettings(file=file))
    assert [own.nfe for own in read.found] == [3]
    [line] = read.refused
    assert line.startswith("line 2: nfe=") and "is no number of model calls" in line


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "null", "[1]"])
def test_what_names_no_point_is_refused(value: str, tmp_path: Path) -> None:
    rows = [f'{{"example": "a", "answer": "", "tau": {own}}}' for own in ("0.5", value)]
    read = read_answers(ImportedSettings(file=written(tmp_path, *rows), point="tau"))
    assert len(read.found) == 1 and "names no point" in read.refused[0]


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x.jsonl", "a" * 300, ".", "x\0"])
def test_a_file_that_is_not_there_is_told_in_a_line(name: str) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        read_answers(ImportedSettings(file=name))


def _cut(data: bytes) -> bytes:
    return data[:-10]


def _turned(data: bytes) -> bytes:
    return data[:12] + bytes(byte ^ 255 for byte in data[12:])


@pytest.mark.parametrize("change", [_cut, _turned, lambda data: b"no gzip"])
def test_a_broken_file_is_told_in_a_line(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl.gz"
    file.write_bytes(change(gzip.compress(b'{"example": "a", "answer": "b"}\n' * 40)))
    with pytest.raises(
        ConfigError, match=r"imported.file=.*: can't be read \(.*\); give a jsonl file"
    ) as told:
        read_answers(ImportedSettings(file=str(file)))
    assert len(told.value.lines) == 1
