"""The store keeps what it is given, and says which files it can't read."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from pipeline.record import Record
from pipeline.store import Store, missing


def records(start: int, stop: int, setting_id: str = "a") -> list[Record]:
    return [
        Record(
            setting_id,
            "judge",
            f"e{n}",
            n,
            3,
            (1, 2),
            (0, 1),
            (),
            1,
            2,
            2,
            2,
            2,
            0.5,
            0.25,
            0.125,
            "x",
            None,
            1.0,
        )
        for n in range(start, stop)
    ]


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store") if request.param == "folder" else f"memory://{uuid.uuid4().hex}")


def test_what_goes_in_comes_out(store: Store) -> None:
    store.write_slice("a", 4, 8, records(4, 8))
    store.write_slice("a", 0, 4, records(0, 4))
    store.write_slice("b", 0, 2, records(0, 2, "b"))
    found = store.load(["b", "a", "never seen"], limit=6)
    assert list(zip(found.records["setting_id"], found.records["position"], strict=True)) == [
        *[("b", n) for n in range(2)],
        *[("a", n) for n in range(6)],
    ]
    assert found.covered == {"b": [(0, 2)], "a": [(0, 4), (4, 8)], "never seen": []}
    assert found.damaged == []
    row = found.records.iloc[3]
    assert (list(row["tokens"]) == [1, 2] and row["nfe"] == 2 and row["extracted"] is None) or row[
        "score"
    ] == 1.0


def test_writing_a_slice_again_replaces_it(store: Store) -> None:
    store.write_slice("a", 0, 4, records(0, 4))
    store.write_slice("a", 0, 4, records(0, 4))
    assert len(store.load(["a"], 4).records) == 4


def test_overlapping_slices_count_each_example_once(store: Store) -> None:
    store.write_slice("a", 0, 4, records(0, 4))
    store.write_slice("a", 2, 6, records(2, 6))
    assert list(store.load(["a"], 100).records["position"]) == list(range(6))


def test_settings_are_written_once_and_read_back(store: Store) -> None:
    store.write_setting("a", {"axon": {"gate": "never"}})
    store.write_setting("a", {"axon": {"gate": "another"}})
    assert store.read_setting("a") == {"axon": {"gate": "never"}}


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "cut short":
        path.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "one byte turned":
        place = data.index(b"judge")
        path.write_bytes(data[:place] + b"x" + data[place + 1 :])
    elif how == "renamed":
        path.rename(path.with_name("4-8.parquet"))
    else:
        path.write_text("not parquet at all")


@pytest.mark.parametrize("how", ["cut short", "empty", "one byte turned", "renamed", "something else"])
def test_a_damaged_file_counts_as_missing_and_is_named(how: str, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write_slice("a", 0, 4, records(0, 4))
    store.write_slice("b", 0, 4, records(0, 4, "b"))
    damage(tmp_path / "slices/a/0-4.parquet", how)
    found = store.load(["a", "b"], 10)
    assert found.covered == {"a": [], "b": [(0, 4)]}
    assert set(found.records["setting_id"]) == {"b"}
    assert len(found.damaged) == 1 and "slices/a/" in found.damaged[0] and "\n" not in found.damaged[0]
    assert missing(found.covered["a"], 4, 4) == [(0, 4)]


def test_half_written_files_are_not_seen(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write_slice("a", 0, 4, records(0, 4))
    folder = tmp_path / "slices/a"
    assert [path.name for path in folder.iterdir()] == ["0-4.parquet"], "no temporary file stays"
    (folder / "4-8.parquet.0123.tmp").write_bytes(b"half")
    found = store.load(["a"], 10)
    assert found.covered == {"a": [(0, 4)]} and found.damaged == []


@pytest.mark.parametrize(
    ("covered", "limit", "size", "expected"),
    [
        ([], 10, 4, [(0, 4), (4, 8), (8, 10)]),
        ([(0, 4)], 10, 4, [(4, 8), (8, 10)]),
        ([(4, 8)], 10, 4, [(0, 4), (8, 10)]),
        ([(0, 10)], 10, 4, []),
        ([(0, 10)], 8, 4, []),
        ([(0, 4), (4, 8), (8, 10)], 14, 4, [(10, 12), (12, 14)]),
        ([(0, 3)], 8, 4, [(3, 4), (4, 8)]),
        ([(5, 6)], 8, 4, [(0, 4), (4, 5), (6, 8)]),
    ],
)
def test_missing_is_what_is_not_covered(
    covered: list[tuple[int, int]], limit: int, size: int, expected: list[tuple[int, int]]
) -> None:
    assert missing(covered, limit, size) == expected
