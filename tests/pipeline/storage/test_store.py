"""The store keeps what it is given, and says which files it can't read."""

from __future__ import annotations

import errno
import json
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import NoneType
from typing import get_args, get_type_hints

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon.trace import COUNTS
from pipeline.errors import ConfigError
from pipeline.storage.record import FORMAT, FORMAT_KEY, RENAMED, SCHEMA, Record
from pipeline.storage.store import Store, StoreFull, missing


def records(start: int, stop: int, setting_id: str = "a") -> list[Record]:
    """Every column filled, but `extracted` and `error`."""
    return [
        Record(
            setting_id,
            "judge",
            f"e{n}",
            n,
            tokens=(1, 2),
            revealed_at=(0, 1),
            unsupported_steps=(),
            **dict.fromkeys(COUNTS, 2),
            nfe=2,
            nfe_to_eos=2,
            tokens_generated=2,
            tokens_to_eos=2,
            flops=1e6,
            seconds_model=0.5,
            answer="x",
            sandbox="process",
            score=1.0,
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


def test_settings_are_written_once_and_read_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    identities = {"a": {"axon": {"gate": "never"}, "layers": (6, 7)}, "b": {"seed": None}}
    store.write_settings(identities)
    assert json.loads(store._fs.cat_file(f"{store._base}/settings/a.json")) == {
        "axon": {"gate": "never"},
        "layers": [6, 7],
    }
    monkeypatch.setattr(store, "_write", lambda path, data: pytest.fail(f"{path} is written again"))
    store.write_settings(identities)


@pytest.mark.parametrize("damaged", [b"", b"{", b"\xff\x00", b'{"gate": "another"}'])
def test_a_damaged_setting_is_repaired(damaged: bytes, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write_settings({"a": {"gate": "never"}})
    (tmp_path / "settings/a.json").write_bytes(damaged)
    store.write_settings({"a": {"gate": "never"}})
    assert json.loads((tmp_path / "settings/a.json").read_text()) == {"gate": "never"}


def test_a_slice_whose_name_a_folder_has_taken_is_not_stored_in_it(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    (tmp_path / "slices/a/0-4.parquet").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        store.write_slice("a", 0, 4, records(0, 4))
    assert list(tmp_path.rglob("*")) == [
        tmp_path / "slices",
        tmp_path / "slices/a",
        tmp_path / "slices/a/0-4.parquet",
    ]
    found = store.load(["a"], 4)
    assert found.covered == {"a": []} and len(found.damaged) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_store_says_so_in_a_line(number: int, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str, data: bytes) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(store._fs, "pipe_file", full)
    with pytest.raises(
        StoreFull, match=rf"^store=.*: nothing can be written \({os.strerror(number)}\); make room$"
    ):
        store.write_slice("a", 0, 4, records(0, 4))


def test_only_old_temporary_files_are_removed(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write_slice("a", 0, 4, records(0, 4))
    store.write_settings({"a": {}})
    left = {name: tmp_path / name for name in ("slices/a/4-8.parquet.01.tmp", "settings/b.json.02.tmp")}
    fresh = tmp_path / "slices/a/8-12.parquet.03.tmp"
    for file in (*left.values(), fresh):
        file.write_bytes(b"half")
    for file in (*left.values(), tmp_path / "slices/a/0-4.parquet"):
        os.utime(file, (time.time() - 7200,) * 2)
    store.remove_leftovers(["a", "never seen"])
    assert not any(file.exists() for file in left.values())
    assert fresh.exists() and store.load(["a"], 4).covered == {"a": [(0, 4)]}
    Store(f"memory://{uuid.uuid4().hex}").remove_leftovers(["a"])


def test_a_column_may_lack_a_value_where_a_record_may() -> None:
    hints = get_type_hints(Record)
    assert [name for name in hints if NoneType in get_args(hints[name])] == NULLABLE


NULLABLE = [field.name for field in SCHEMA if field.nullable]
REQUIRED = [field.name for field in SCHEMA if not field.nullable]


def rewrite(file: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    table = change(pq.read_table(file))
    pq.write_table(table, file)


@pytest.mark.slow
@given(dropped=st.sets(st.sampled_from(NULLABLE)), order=st.randoms())
@settings(max_examples=30, deadline=None)
def test_a_file_that_lacks_nullable_columns_is_read_with_nulls(dropped: set[str], order: Random) -> None:
    """Columns that this version doesn't know are ignored."""
    with TemporaryDirectory() as folder:
        store = Store(folder)
        store.write_slice("a", 0, 4, records(0, 4))
        before = store.load(["a"], 4).records

        def older(table: pa.Table) -> pa.Table:
            names = [name for name in table.column_names if name not in dropped]
            order.shuffle(names)
            return table.select(names).append_column("of_a_newer_version", pa.array([1, 2, 3, 4]))

        rewrite(Path(folder) / "slices/a/0-4.parquet", older)
        found = store.load(["a"], 4)
        assert found.damaged == [] and found.covered == {"a": [(0, 4)]}
        assert list(found.records) == SCHEMA.names
        pd.testing.assert_frame_equal(found.records.drop(columns=dropped), before.drop(columns=dropped))
        assert found.records[sorted(dropped)].isna().all(axis=None)


def retyped(table: pa.Table, name: str) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array([b"x"] * len(table)))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMA.names)
def test_a_column_of_another_type_makes_a_file_damaged_and_is_named(name: str, tmp_path: Path) -> None:
    """Nullable or not: read as nulls, its values would be lost without a word."""
    store = Store(str(tmp_path))
    store.write_slice("a", 0, 4, records(0, 4))
    rewrite(tmp_path / "slices/a/0-4.parquet", lambda table: retyped(table, name))
    found = store.load(["a"], 4)
    assert found.covered == {"a": []} and found.records.empty
    [line] = found.damaged
    assert f"the column {name} is binary, not " in line and "job=run decodes it again" in line


@pytest.mark.parametrize("name", REQUIRED)
def test_a_file_without_a_required_column_is_damaged_and_the_column_named(name: str, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write_slice("a", 0, 4, records(0, 4))
    rewrite(tmp_path / "slices/a/0-4.parquet", lambda table: table.drop_columns([name]))
    found = store.load(["a"], 4)
    assert found.covered == {"a": []} and found.records.empty
    [line] = found.damaged
    assert f"lacks the column {name})" in line


def as_format(number: int, table: pa.Table) -> pa.Table:
    """The table as the version of that format wrote it, with every column that it had."""
    if number < 3:
        table = table.rename_columns([RENAMED.get(name, name) for name in table.column_names])
    return table.replace_schema_metadata({FORMAT_KEY: str(number).encode()} if number > 1 else None)


@pytest.mark.slow
@given(
    number=st.integers(1, FORMAT + 2),
    dropped=st.sets(st.sampled_from(SCHEMA.names), max_size=3),
    order=st.randoms(),
)
@settings(max_examples=100, deadline=None)
def test_a_file_of_any_format_is_read_whole_or_refused_in_a_line(
    number: int, dropped: set[str], order: Random
) -> None:
    """An older one is read unless a required column is absent; a newer one is never touched."""
    with TemporaryDirectory() as folder:
        store, file = Store(folder), Path(folder) / "slices/a/0-4.parquet"
        store.write_slice("a", 0, 4, records(0, 4))
        before = store.load(["a"], 4).records

        def written(table: pa.Table) -> pa.Table:
            names = [name for name in table.column_names if name not in dropped]
            order.shuffle(names)
            return as_format(number, table.select(names))

        rewrite(file, written)
        if number > FORMAT:
            expected = (
                rf"^store=.*: .*/a/0-4.parquet was written in format {number}, while this version reads up to "
                rf"{FORMAT}; update axon-sweeps, or choose another store=\.\.\.$"
            )
            with pytest.raises(ConfigError, match=expected):
                store.load(["a"], 4)
            return
        found = store.load(["a"], 4)
        if dropped & set(REQUIRED):
            [line] = found.damaged
            assert found.covered == {"a": []} and "lacks the column" in line and "\n" not in line
            assert (f"; written in format {number}, read as format {FORMAT}" in line) == (number < FORMAT)
        else:
            assert found.damaged == [] and found.covered == {"a": [(0, 4)]}
            pd.testing.assert_frame_equal(
                found.records.drop(columns=sorted(dropped)), before.drop(columns=sorted(dropped))
            )
            assert found.records[sorted(dropped)].isna().all(axis=None)


def test_a_file_tells_its_format(tmp_path: Path) -> None:
    store, file = Store(str(tmp_path)), tmp_path / "slices/a/0-4.parquet"
    store.write_slice("a", 0, 4, records(0, 4))
    assert pq.read_schema(file).metadata[FORMAT_KEY] == str(FORMAT).encode()
    rewrite(file, lambda table: table.replace_schema_metadata({FORMAT_KEY: b"three"}))
    [line] = store.load(["a"], 4).damaged
    assert "the format 'three' is not a number" in line


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
