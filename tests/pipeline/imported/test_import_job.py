"""job=import: answers that are programs, and what can't be imported, told in a line."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import open_run
from pipeline.errors import ConfigError
from pipeline.inputs.config import Config
from pipeline.jobs.import_job import import_job
from pipeline.report import find
from pipeline.report.html import examples
from pipeline.report.html.details import Details
from pipeline.report.html.figure import figure_json
from pipeline.report.paper.lines import lines_of
from pipeline.report.paper.score_tpf import score_tpf
from tests.pipeline.conftest import Judge
from tests.pipeline.sandbox.test_code_sweep import ROW, lose_isolation

Make = Callable[..., Config]
MBPP = {
    "task_id": 11,
    "text": "Write a function two.",
    "code": "def two(): return 2",
    "test_list": ["assert two() == 2"],
}


def imported(config: Config) -> str:
    shown = io.StringIO()
    assert import_job(config, ["job=import"], Console(file=shown, width=200)) == 0
    return shown.getvalue()


def answers(tmp_path: Path, *rows: object) -> str:
    file = tmp_path / "samples.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return f'imported.file="{file}"'


@pytest.fixture
def programs(tmp_path: Path, make_config: Make) -> Config:
    """Four answers to functions that are to return 2, as lm-eval logs them."""
    rows = [ROW | {"task_id": f"Mine/{number}"} for number in range(4)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    said = ("    return 2\n", "    return 3\n", "```python\ndef two():\n    return 2\n```", "no program")
    logged = [
        {"doc_id": place, "doc": row, "resps": [[text]], "filter": "create_test"}
        for place, (row, text) in enumerate(zip(rows, said, strict=True))
    ]
    where = f'task.path="{tmp_path / "rows.jsonl"}"'
    return make_config("task.name=humaneval", where, answers(tmp_path, *logged), 'imported.name="theirs"')


@pytest.mark.slow
def test_answers_that_are_programs_run_in_the_sandbox(programs: Config) -> None:
    assert "answers are programs; they run in a sandbox of level '" in imported(programs)
    records = open_run(Path(programs.out) / "imported/theirs").records.set_index("example_id")
    scores = {name: records.loc[f"Mine/{number}", "score"] for number, name in enumerate("abcd")}
    assert scores == {"a": 1, "b": 0, "c": 1, "d": 0}
    assert records["sandbox"].notna().all() and records["error"].isna().all()


@pytest.mark.slow
def test_answers_to_mbpp_run_with_its_tests(make_config: Make, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(MBPP))
    logged = {
        "doc_id": 0,
        "doc": MBPP,
        "resps": [["def two():\n    return 2\n[DONE]"]],
        "filter": "extract_code",
    }
    words = ("task.name=mbpp", f'task.path="{tmp_path / "rows.jsonl"}"', 'imported.name="theirs"')
    config = make_config(*words, answers(tmp_path, logged))
    imported(config)
    [record] = open_run(Path(config.out) / "imported/theirs").records.to_dict("records")
    assert (record["example_id"], record["score"]) == ("mbpp-11", 1) and record["sandbox"]


def test_without_the_isolation_required_no_program_is_imported(
    programs: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one that leaves every answer unscored, which would look like a fault of theirs."""
    lose_isolation(monkeypatch)
    with pytest.raises(ConfigError, match=r"^sandbox\.require='isolated': answers are programs") as error:
        imported(programs)
    assert len(error.value.lines) == 1 and not (Path(programs.out) / "imported").exists()


def test_answers_to_other_examples_are_refused_in_a_line(
    make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    file = answers(tmp_path, *({"example": f"other-{n}", "answer": "4"} for n in range(3)))
    with pytest.raises(ConfigError) as error:
        imported(make_config("task.name=judge", file, 'imported.name="theirs"'))
    assert error.value.lines == [
        f"imported.file={tmp_path / 'samples.jsonl'}: none of its rows answers an example of task=judge; "
        "line 1: 'other-0' is no example of judge (of 10); check task, its split and rows "
        "(ids are such as test-0-0)"
    ]


@pytest.mark.slow
def test_examples_that_the_file_leaves_out_are_not_unscored(
    make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    """They may be most of a benchmark, where the first rows of it were decoded elsewhere."""
    file = answers(tmp_path, *({"example": f"test-0-{n}", "answer": "4", "nfe": 3} for n in (2, 7)))
    config = make_config("task.name=judge", file, 'imported.name="theirs"')
    shown = imported(config)
    assert "1 point, 2 answers, 2 scored" in shown and "unscored" not in shown
    run = open_run(Path(config.out) / "imported/theirs")
    assert run.points[["n", "unscored"]].to_numpy().tolist() == [[2, 0]] and len(run.records) == 8
    assert "unscored, which" not in (Path(config.out) / "imported/theirs/report.html").read_text()


@pytest.mark.slow
def test_what_is_not_known_of_an_answer_is_a_dash_in_report_and_tables(
    make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    """Neither its NFE, where it isn't given, nor ever its tokens."""
    rows = ({"example": f"test-0-{n}", "answer": "4", "p": p, "nfe": p} for n in (2, 7) for p in (None, 3))
    file = answers(tmp_path, *({**row, "p": str(row["p"])} for row in rows))
    imported(make_config("task.name=judge", file, 'imported.name="theirs"', "imported.point=p"))
    opened = open_run(tmp_path / "out/imported/theirs")
    (facet,) = find([opened.run], opened.records).facets
    page = figure_json(facet, ()) + examples.section(facet, Details()) + score_tpf(lines_of([facet]))
    assert "- NFE</option>" in page and "3.0 NFE</option>" in page and not re.search(r"\bnan\b", page)


@pytest.mark.slow
def test_what_was_refused_is_forgotten_once_the_file_is_right(
    make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    right, wrong = ({"example": f"{name}-0-2", "answer": "4", "nfe": 3} for name in ("test", "no"))
    refused = tmp_path / "out/imported/theirs/refused.txt"
    for rows in ([right, wrong], [right]):
        imported(make_config("task.name=judge", answers(tmp_path, *rows), 'imported.name="theirs"'))
        assert refused.exists() == (wrong in rows)


@pytest.mark.slow
def test_answers_to_another_task_do_not_replace_those_of_the_same_name(
    make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    file = answers(tmp_path, {"example": "test-0-2", "answer": "4", "nfe": 3})
    config = make_config("task.name=judge", file, 'imported.name="theirs"')
    assert "1 point, 1 answer, 1 scored" in imported(config)
    other = replace(config, model=replace(config.model, path="elsewhere/larger"))
    for _ in range(2):  # the second time into the same folder
        assert imported(other).endswith("imported/theirs-judge-larger\n")
    kept = Path(config.out) / "imported"
    assert sorted(path.name for path in kept.iterdir()) == ["theirs", "theirs-judge-larger"]
    assert {one.model_name for one in open_run(kept / "theirs").run.settings} == {
        Path(config.model.path).name
    }
    assert imported(config).endswith("imported/theirs\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("task.shots=2",), "task.shots=0 instead of 2"),
        (('imported.nfe="steps"',), "imported.nfe=nfe instead of steps"),
        (("imported.point=threshold",), "imported.point=null instead of threshold"),
    ],
)
def test_an_import_given_otherwise_does_not_replace_one_of_the_same_name(
    make_config: Make, judge: Judge, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    file = answers(tmp_path, {"example": "test-0-2", "answer": "4", "nfe": 3, "threshold": 1, "steps": 5})
    given = ("task.name=judge", file, 'imported.name="theirs"')
    imported(make_config(*given))
    run = tmp_path / "out/imported/theirs/run.json"
    before = run.read_bytes()
    with pytest.raises(ConfigError, match="choose another name, or delete that folder") as error:
        imported(make_config(*given, *words))
    [line] = error.value.lines
    assert line.startswith("imported.name='theirs': ") and told in line and run.read_bytes() == before
    assert imported(make_config(*given[:2], 'imported.name="others"', *words)).endswith("imported/others\n")
    assert imported(make_config(*given)).endswith("imported/theirs\n"), "the same one takes its own place"


@pytest.mark.slow
def test_another_file_or_folder_of_a_model_does_not_replace_one_of_the_same_name(
    make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    file = answers(tmp_path, {"example": "test-0-2", "answer": "4", "nfe": 3})
    config = make_config("task.name=judge", file, 'imported.name="theirs"')
    imported(config)
    namesake = f"elsewhere/{Path(config.model.path).name}"
    with pytest.raises(ConfigError, match=f"with model.path=.* instead of {namesake}; choose another name"):
        imported(replace(config, model=replace(config.model, path=namesake)))
    (tmp_path / "other").mkdir()
    other = answers(tmp_path / "other", {"example": "test-0-3", "answer": "4", "nfe": 3})
    with pytest.raises(
        ConfigError, match=r"samples\.jsonl instead of /.*other/samples\.jsonl; choose another"
    ):
        imported(make_config("task.name=judge", other, 'imported.name="theirs"'))


@pytest.mark.slow
@pytest.mark.parametrize("spelt", ["random", "random/", "./random", "~/random", "{models}//random/../random"])
def test_the_same_folder_is_the_same_model_however_it_is_written(
    spelt: str, make_config: Make, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = answers(tmp_path, {"example": "test-0-2", "answer": "4", "nfe": 3})
    config = make_config("task.name=judge", file, 'imported.name="theirs"')
    imported(config)
    models = Path(config.model.path).parent
    monkeypatch.setenv("HOME", str(models))
    monkeypatch.chdir(models)
    path = spelt.replace("{models}", str(models))
    assert imported(replace(config, model=replace(config.model, path=path))).endswith("imported/theirs\n")


@pytest.mark.slow
def test_the_same_file_of_rows_is_the_same_however_it_is_written(
    programs: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(programs)
    monkeypatch.chdir(tmp_path)
    again = replace(programs, task=replace(programs.task, path="rows.jsonl"))
    assert imported(again).endswith("imported/theirs\n")


def test_an_id_may_be_a_number(make_config: Make, judge: Judge, tmp_path: Path) -> None:
    """Then what is wrong with it is told with the ids that there are."""
    file = answers(tmp_path, {"example": 3, "answer": "4"})
    with pytest.raises(ConfigError, match=r"line 1: '3' is no example of judge .*ids are such as test-0-0"):
        imported(make_config("task.name=judge", file, 'imported.name="theirs"'))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            'imported.name="a"',
            "imported.file: missing; job=import needs imported.file=..., a sample log of lm-eval, or",
        ),
        (
            'imported.file="a.jsonl"',
            "imported.name: missing; job=import needs imported.name=..., what its front is to",
        ),
        (
            'imported.name="a" imported.file="/none.jsonl"',
            "imported.file=/none.jsonl: can't be read (No such file or directory); give a jsonl file",
        ),
        (
            'imported.name="a" imported.file="/proc"',
            "imported.file=/proc: can't be read (Is a directory); give a",
        ),
        (
            'imported.name="../a" imported.file="a"',
            "imported.name='../a': must be the name of one folder; write up to",
        ),
        (
            'imported.name="a" imported.file="a" imported.nfe=0',
            "imported.nfe=0: must be a column, or the model calls",
        ),
        (
            'imported.name="a" imported.file="a" imported.nfe=1.5',
            "imported.nfe=1.5: must be text or a whole number;",
        ),
    ],
)
def test_what_cannot_be_imported_is_told(words: str, expected: str, refuse: Callable[..., str]) -> None:
    assert refuse("job=import", *words.split()).startswith(expected)
