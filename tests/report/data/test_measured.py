"""Records as a report reads them from a store, slice by slice, say what whole records say."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report.data import stored as stored_module
from pipeline.report.data.measures import NO_TRACE, measured
from pipeline.report.data.records import clean
from pipeline.report.data.stored import load_measured
from pipeline.storage import portion
from pipeline.storage.record import SCHEMA, Record, to_table
from pipeline.storage.seal import to_sealed
from pipeline.storage.store import Store

SIZE = 4
STEPS = st.lists(st.integers(0, 5), max_size=5).map(tuple)
TEXT = st.sampled_from([None, "cpu", "cuda", "é"])
COUNTED = st.none() | st.integers(0, 2**40)
FIELDS = {field.name: field.type for field in fields(Record)}
BY_TYPE = {"int | None": COUNTED, "float | None": st.none() | st.floats(0, 9), "str | None": TEXT}
RANDOM = {name: BY_TYPE[str(kind)] for name, kind in FIELDS.items() if str(kind) in BY_TYPE}
TRACES = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), max_size=4)
DRAWN = st.fixed_dictionaries(
    {
        **RANDOM,
        "axon_steps": STEPS,
        "unsupported_steps": st.none() | STEPS,
        "metrics": st.dictionaries(st.sampled_from(["f1", "exact"]), st.floats(0, 1)),
        "trace": TRACES,
    }
)
NULLABLE = [field.name for field in SCHEMA if field.nullable]


def record(sid: str, position: int, drawn: dict) -> Record:
    own = {name: value for name, value in drawn.items() if name != "trace"}
    tokens, revealed_at = zip(*drawn["trace"], strict=True) if drawn["trace"] else ((), ())
    return Record(
        sid, "arith", f"e{position % 7}-{position}", position, tokens=tokens, revealed_at=revealed_at, **own
    )


def fill(store: Store, drawn: Sequence[dict], lacks: Sequence[set[str]]) -> list[Record]:
    """Slices of two settings; each lacks columns as the files of older versions do."""
    whole = []
    for place, absent in enumerate(lacks):
        sid, start = "ab"[place % 2], place // 2 * SIZE
        own = [record(sid, start + n, drawn[place * SIZE + n]) for n in range(SIZE)]
        whole += own
        table = to_table(own)
        path = f"{store._base}/slices/{sid}/{start}-{start + SIZE}.parquet"
        store._fs.pipe_file(path, to_sealed(table.drop_columns(sorted(absent))))
    return whole


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(data=st.data(), slices=st.integers(1, 5), at_once=st.sampled_from([1, 8192]))
def test_measured_records_say_what_whole_ones_say(data: st.DataObject, slices: int, at_once: int) -> None:
    drawn = data.draw(st.lists(DRAWN, min_size=slices * SIZE, max_size=slices * SIZE))
    lacks = data.draw(st.lists(st.sets(st.sampled_from(NULLABLE)), min_size=slices, max_size=slices))
    store = Store(f"memory://{uuid.uuid4().hex}")
    fill(store, drawn, lacks)
    limit = data.draw(st.integers(1, 12))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portion, "AT_ONCE", at_once)
        found = load_measured(store, ["b", "a", "none"], limit)
    whole = store.load(["b", "a", "none"], limit)
    assert found.covered == whole.covered and found.damaged == whole.damaged == []
    rows, expected = clean(found.records), clean(whole.records)
    pd.testing.assert_frame_equal(
        rows[sorted(rows)], expected[sorted(rows)], check_dtype=False, check_categorical=False
    )
    assert not set(expected) - set(rows) or rows.empty


@settings(max_examples=12, deadline=None)
@given(drawn=st.lists(DRAWN, min_size=2, max_size=6))
def test_traces_are_equal_where_their_tokens_and_steps_are(drawn: list[dict]) -> None:
    records = [record("a", position, own) for position, own in enumerate(drawn)]
    rows = measured(to_table(records).to_pandas())
    pairs = [(own.tokens, own.revealed_at) for own in records]
    for one, trace in zip(pairs, rows["trace"], strict=True):
        assert (trace != NO_TRACE) == bool(one[0]), "an answer from elsewhere has no tokens"
        assert [other == one for other in pairs] == (rows["trace"] == trace).tolist()
    assert rows["axon_taken"].tolist() == [len(own.axon_steps) for own in records]
    unsupported = [np.nan if own.unsupported_steps is None else len(own.unsupported_steps) for own in records]
    np.testing.assert_array_equal(rows["axon_unsupported"].astype(float), unsupported)
    for name in ("f1", "exact"):
        values = [own.metrics.get(name, np.nan) for own in records]
        found = rows.get(f"metric.{name}", pd.Series([np.nan] * len(records)))
        np.testing.assert_array_equal(found.astype(float), values)


def test_a_column_that_some_files_lack_is_unknown_there_and_known_elsewhere(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write_slice(
        "a", 0, SIZE, [Record("a", "arith", f"e{n}", n, nfe=3, full_passes=2) for n in range(SIZE)]
    )
    older = to_table([Record("a", "arith", f"e{n}", n, nfe=3) for n in range(SIZE, 2 * SIZE)])
    (tmp_path / f"slices/a/{SIZE}-{2 * SIZE}.parquet").write_bytes(
        to_sealed(older.drop_columns(["full_passes"]))
    )
    rows = load_measured(store, ["a"], 2 * SIZE).records
    assert rows["full_passes"].isna().tolist() == [False] * SIZE + [True] * SIZE
    assert rows["nfe"].dtype == np.int16 and rows["full_passes"].dtype == np.float64


def test_a_count_that_needs_more_than_32_bits_keeps_its_value() -> None:
    values = pa.array([2**31, -(2**40), 7])
    assert stored_module._narrow(values).tolist() == values.to_pylist()


def test_counts_are_narrow_and_nothing_that_is_made_of_them_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One setting's files lack a column that the other's have: in a portion each, as of a large sweep."""
    monkeypatch.setattr(portion, "AT_ONCE", 1)
    store = Store(str(tmp_path))
    for sid in "ab":
        known = {"prefill_passes": 30_000, "store_passes": 0, "full_passes": 7 if sid == "a" else None}
        store.write_slice(
            sid, 0, SIZE, [Record(sid, "arith", f"e{n}", n, nfe=30_000, **known) for n in range(SIZE)]
        )
    rows = clean(load_measured(store, "ab", SIZE).records)
    assert rows["nfe"].dtype == np.int16 and rows["passes"].tolist() == [60_000] * 2 * SIZE
    assert rows["full_passes"].dtype == np.float64, "sums of float32 have seven digits"
