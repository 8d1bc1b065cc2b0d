"""Whatever changes in a file of the store, it holds what it held, or is known to be damaged."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.storage import store as store_module
from pipeline.storage.outcome import Outcome, from_aside, outcome_of, to_aside
from pipeline.storage.outcomes import Outcomes
from pipeline.storage.record import FORMAT, FORMAT_KEY, from_table, to_table
from pipeline.storage.seal import DIGITS, MARK, from_sealed, to_sealed
from pipeline.storage.slice_file import from_bytes
from pipeline.storage.store import Store
from tests.pipeline.storage.test_store import records

TABLE = to_table(
    [*records(0, 2), *(replace(own, leeway_above=0.1, leeway_below=0.7) for own in records(2, 4))]
)
FILE = to_sealed(TABLE, aside=to_aside(TABLE, "a", (0, 4)))
DAMAGED = (ValueError, OSError, pa.ArrowException)


def turned(data: bytes) -> Iterator[bytes]:
    """With one bit turned: one of each byte, and all of what says that there is a digest, and of the file's end."""
    mark = data.rindex(MARK)
    closely = {*range(mark - 8, mark + len(MARK) + DIGITS + 8), *range(len(data) - 12, len(data))}
    for place in range(len(data)):
        for bit in range(8) if place in closely else (place % 8,):
            yield data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


@pytest.mark.slow
def test_with_a_bit_turned_a_slice_is_damaged_or_the_same() -> None:
    equal = 0
    for data in turned(FILE):
        try:
            found = from_bytes(data, "a", (0, 4))
        except DAMAGED:
            continue
        assert found.table.equals(TABLE) and found.current
        equal += 1
    assert equal == 8 * len(MARK)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_with_bytes_changed_added_or_lost_a_slice_is_damaged_or_the_same(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(FILE)))
    lost = data.draw(st.integers(0, 40))
    changed = FILE[:start] + data.draw(st.binary(max_size=40)) + FILE[start + lost :]
    try:
        found = from_bytes(changed, "a", (0, 4))
    except DAMAGED:
        return
    assert found.table.equals(TABLE)


def same(found: Outcome, other: Outcome) -> bool:
    return all(np.array_equal(*pair, equal_nan=True) for pair in zip(found, other, strict=True))


@pytest.mark.slow
def test_with_a_bit_turned_a_slice_tells_the_same_outcomes_or_none() -> None:
    told = 0
    for data in [FILE, *turned(FILE)]:
        with suppress(ValueError):
            if (found := from_aside(data, "a", (0, 4))) is not None:
                assert same(found, outcome_of(TABLE))
                told += 1
    assert told == 1
    assert from_aside(FILE, "b", (0, 4)) is None and from_aside(FILE, "a", (4, 8)) is None


# As before leeways were told.
FEWER = (
    json.dumps([FORMAT, "a", 0, 4]).encode()
    + b"\n"
    + b"".join(part.tobytes() for part in outcome_of(TABLE)[:3])
)


@pytest.mark.parametrize("aside", [b"", b"told", FEWER])
def test_without_its_outcomes_a_file_is_read_whole(aside: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of earlier versions, or of later ones that tell something else."""
    store = Store(f"memory://{uuid.uuid4().hex}")
    store.write_slice("a", 0, 4, list(from_table(TABLE)))
    path = f"{store._base}/slices/a/0-4.parquet"
    told = store.outcomes(["a"], 4).records
    store._fs.pipe_file(path, to_sealed(TABLE, aside=aside))
    pd.testing.assert_frame_equal(Store(store.root).outcomes(["a"], 4).records, told)


def test_the_outcomes_of_a_slice_are_read_without_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(f"memory://{uuid.uuid4().hex}")
    store.write_slice("a", 0, 4, records(0, 4))
    whole = store.load(["a"], 4).records
    monkeypatch.setattr(store_module, "from_bytes", None)
    found = Store(store.root).outcomes(["a"], 4).records
    assert found["nfe"].tolist() == whole["nfe"].tolist()
    assert found["score"].tolist() == whole["score"].tolist()


def test_an_index_with_a_bit_turned_is_refused_or_tells_the_same() -> None:
    known = Outcomes()
    known.put("a", (0, 4), "mark", outcome_of(TABLE))
    for data in turned(known.to_index()):
        read = Outcomes()
        try:
            read.add_index(data)
        except DAMAGED:
            continue
        found = read.get("a", (0, 4), "mark")
        assert isinstance(found, Outcome)
        assert same(found, outcome_of(TABLE))


@pytest.mark.parametrize("compression", ["snappy", "zstd"])
def test_it_is_parquet_as_any_other(compression: str) -> None:
    data = to_sealed(TABLE, compression)
    assert pq.read_table(pa.BufferReader(data)).equals(TABLE) and from_sealed(data).equals(TABLE)
    assert pq.read_metadata(pa.BufferReader(data)).num_rows == 4
    assert pq.read_schema(pa.BufferReader(data)).metadata[FORMAT_KEY]
    assert pd.read_parquet(pa.BufferReader(data))["nfe"].tolist() == [2] * 4


def test_a_file_of_an_earlier_version_or_written_again_by_another_program_is_read() -> None:
    store = Store(f"memory://{uuid.uuid4().hex}")
    store.write_slice("a", 0, 4, list(from_table(TABLE)))
    path = f"{store._base}/slices/a/0-4.parquet"
    before = store.load(["a"], 4).records
    buffer = pa.BufferOutputStream()
    pq.write_table(pq.read_table(pa.BufferReader(store._fs.cat_file(path))), buffer, write_page_checksum=True)
    store._fs.pipe_file(path, buffer.getvalue().to_pybytes())
    assert MARK not in store._fs.cat_file(path)
    found = store.load(["a"], 4)
    assert found.damaged == []
    pd.testing.assert_frame_equal(found.records, before)
