"""Outcomes are those of the slices, whatever was remembered; the index spares reading, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.storage import store as store_module
from pipeline.storage.record import Record
from pipeline.storage.span import Span
from pipeline.storage.store import Store

IDS, SIZE = ("a", "b"), 8


def fill(store: Store, sid: str, start: int, score: float = 1.0) -> None:
    records = [Record(sid, "arith", f"e{n}", n, nfe=n + 1, score=score) for n in range(start, start + 4)]
    store.write_slice(sid, start, start + 4, records)


@pytest.fixture
def indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(store_module, "WORTH", 1)
    store = Store(str(tmp_path))
    for sid in IDS:
        for start in (0, 4):
            fill(store, sid, start)
    store.outcomes(IDS, SIZE)
    store.write_index(IDS)
    return tmp_path


def watched(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Span]]:
    """The slices that are read from now on."""
    read, seen = store.read, list[tuple[str, Span]]()

    def noted(setting_id: str, span: Span) -> object:
        seen.append((setting_id, span))
        return read(setting_id, span)

    monkeypatch.setattr(store, "read", noted)
    return seen


def reads(store: Store, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many slices are read for the outcomes, which are those of the records."""
    seen = watched(store, monkeypatch)
    found = store.outcomes(IDS, SIZE)
    whole = Store(store.root).load(IDS, SIZE)
    assert (found.covered, found.damaged) == (whole.covered, whole.damaged)
    for name in ("setting_id", "position", "score", "nfe"):
        pd.testing.assert_series_equal(
            found.records[name].astype("object"), whole.records[name].astype("object"), check_dtype=False
        )
    return len(seen)


def test_an_index_spares_reading(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reads(Store(str(indexed)), monkeypatch) == 0


@pytest.mark.parametrize("data", [None, b"", b"no parquet", b"PAR1PAR1"])
def test_without_its_index_all_is_the_same(
    data: bytes | None, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [index] = (indexed / "index").iterdir()
    index.unlink() if data is None else index.write_bytes(data)
    assert reads(Store(str(indexed)), monkeypatch) == 4


def test_what_changed_since_is_read_again(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(Store(str(indexed)), "a", 4, score=0.0)
    (indexed / "slices" / "b" / "0-4.parquet").write_bytes(b"damaged")
    assert reads(Store(str(indexed)), monkeypatch) == 2


def test_any_scored_reads_until_it_knows(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(str(indexed))
    seen = watched(store, monkeypatch)
    assert store.any_scored("a", SIZE) and len(seen) == 1 and not store.any_scored("c", SIZE)
