"""Rows from files and the hub: what the hub is asked for, and faults in one line."""

from __future__ import annotations

import gzip
import logging
import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pytest

from pipeline.tasks import open_task
from pipeline.tasks.benchmark import Benchmark
from pipeline.tasks.rows import Hub, read_file, read_hub, written
from pipeline.tasks.task import TaskSettings

HERE = Hub("owner/rows", "main")


@pytest.mark.parametrize(("cell", "text"), [(18.0, "18"), (2.5, "2.5"), (18, "18"), ("18.0", "18.0")])
def test_a_whole_number_is_written_as_one_and_another_cell_as_it_is(cell: str | float, text: str) -> None:
    assert written(cell) == text


@pytest.mark.parametrize("shots", [{}, {"shots": 1, "shots_path": "FILE"}])
def test_a_revision_of_a_file_is_refused(tmp_path: Path, shots: dict[str, Any]) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"question": "1+1?", "answer": "#### 2"}\n')
    shots = {key: str(file) if value == "FILE" else value for key, value in shots.items()}
    given = TaskSettings("gsm8k", "test", 0, path=str(file), **shots)
    assert open_task(given)
    with pytest.raises(
        ValueError, match=r"task\.revision='v1': .*rows\.jsonl is a file, which has no revisions; leave"
    ):
        open_task(replace(given, revision="v1"))


def test_a_file_is_read_without_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose errors `datasets` would swallow; without one it waits for seconds."""
    asked: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **_: asked.append(address) or [])
    monkeypatch.setattr(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", True)
    file = tmp_path / "rows.jsonl"
    file.write_text('{"question": "1+1?"}\n')
    assert read_file("task.path", str(file), ["question"], {}) == [{"question": "1+1?"}]
    assert not asked


def test_the_hub_is_asked_for_the_split_at_the_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(*arguments: Any, **named: Any) -> list[dict[str, str]]:
        asked.append((arguments, named))
        return [{"question": "1+1?"}]

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert read_hub("task.path", HERE, "v1", "test", ["question"]) == [{"question": "1+1?"}]
    assert asked == [(("owner/rows", "main"), {"split": "test", "revision": "v1"})]


def test_an_unreachable_hub_is_reported_in_one_line_without_the_clients_retries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = logging.getLogger("huggingface_hub.utils._http")
    warns: list[bool] = []
    level = logging.getLogger("huggingface_hub").level

    def load(*_: Any, **__: Any) -> None:
        warns.append(client.isEnabledFor(logging.WARNING))
        raise ConnectionError("Couldn't reach the Hub\nand more")

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(ValueError) as caught:
        read_hub("task.path", HERE, None, "test", ["question"])
    assert str(caught.value) == (
        "task.path=null: owner/rows (test) cannot be downloaded from the hub (Couldn't reach the Hub); "
        "download the rows elsewhere and give task.path=FILE"
    )
    assert warns == [False]
    assert logging.getLogger("huggingface_hub").level == level


BROKEN = {
    "rows.jsonl": [
        (b"\x00\xff garbage\n not json\n", "cannot be read (JSON parse error: "),
        (b'{"question": "a"}\nnot json\n', "cannot be read (JSON parse error: Invalid value. in row 2)"),
        (b"1\n2\n", "cannot be read (JSON parse error: "),
        (b"[1, 2]\n", "lacks the columns question; it has "),
        (b"", "has no rows; give another"),
        (b"{}\n{}\n", "has no rows; give another"),
        ('{"question": "café"}\n'.encode("latin-1"), "cannot be read ('utf-8' codec can't decode byte 0xe9"),
    ],
    "rows.jsonl.gz": [(b"no archive", "cannot be read (Not a gzipped file")],
    "rows.parquet": [(b"no parquet", "cannot be read (Parquet magic bytes not found in footer.")],
    "rows.csv": [
        (b"question\na\n", "unknown kind of file; one of .jsonl, .json, .parquet, optionally with .gz")
    ],
}


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_a_row_is_counted_from_the_files_beginning(name: str, tmp_path: Path) -> None:
    """Not from that of the block in which pyarrow found it."""
    lines = [b'{"question": "%s"}\n' % (b"x" * 1000)] * 700 + [b"not json\n"]
    with (gzip.open if name.endswith("gz") else open)(tmp_path / name, "wb") as file:
        file.writelines(lines)
    with pytest.raises(ValueError, match=re.escape("Invalid value. in row 701); copy it again")):
        read_file("task.path", str(tmp_path / name), ["question"], {})


@pytest.mark.parametrize(
    ("name", "content", "expected"), [(name, *case) for name, cases in BROKEN.items() for case in cases]
)
def test_a_file_without_rows_is_reported_in_one_line_and_nothing_is_logged(
    name: str, content: bytes, expected: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_file("task.path", str(tmp_path / name), ["question"], {})
    text = str(caught.value)
    assert text.startswith(f"task.path={str(tmp_path / name)!r}: {expected}") and "\n" not in text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a[b].jsonl", "*.jsonl", "?.jsonl", "[!x]/a b ✓.jsonl"])
def test_a_name_is_no_pattern_for_other_files(name: str, tmp_path: Path) -> None:
    for file, question in ((name, "own"), ("ab.jsonl", "another"), ("x.jsonl", "another")):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(f'{{"question": "{question}"}}\n')
    assert read_file("task.path", str(tmp_path / name), ["question"], {}) == [{"question": "own"}]


@pytest.mark.parametrize(
    "name", ["~nobody-of-that-name/x.jsonl", "nowhere", "x.csv", "a" * 300 + ".jsonl", "x\0.jsonl"]
)
def test_a_name_that_no_file_has_is_told(name: str) -> None:
    with pytest.raises(ValueError, match=r"task\.path=.*: no such file; give a file of the benchmark's rows"):
        read_file("task.path", name, ["question"], {})


@pytest.mark.parametrize("name", ["rows.jsonl", "rows"])
def test_a_folder_of_rows_is_not_a_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(
        ValueError, match=rf"{name}': is a folder; give a file of the benchmark's rows, or null"
    ):
        read_file("task.path", str(tmp_path / name), ["question"], {})


def test_a_task_whose_rows_are_in_files_alone_asks_for_one() -> None:
    class Own(Benchmark):
        name = "own"

    with pytest.raises(ValueError, match="the rows of own are not on the hub; give task"):
        Own().opened(TaskSettings("own", "test", 0))
