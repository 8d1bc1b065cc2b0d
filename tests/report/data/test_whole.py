"""Whole records of one setting at a time: the same of a small run, which is read once, and of a large one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipeline.report.data import whole as whole_module
from pipeline.report.data.whole import in_stores
from pipeline.runs.run import Run
from pipeline.storage.record import Record
from pipeline.storage.store import Store

EXAMPLES = {"b": 4, "a": 3, "none": 2}  # of `a` the store has one more, of the last nothing


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path))
    for sid in "ab":
        for start in (0, 2):
            own = [Record(sid, "arith", f"e{n}", n, tokens=(n, n)) for n in (start, start + 1)]
            store.write_slice(sid, start, start + 2, own)
    return store


def counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    read, own = list[Any](), store.read
    monkeypatch.setattr(store, "read", lambda *place: read.append(place) or own(*place))
    return read


@pytest.mark.parametrize(("kept", "reads"), [(whole_module.KEPT, 4), (8, 8)])
def test_a_small_run_is_read_once_and_a_large_one_each_time(
    kept: int, reads: int, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_module, "KEPT", kept)
    read = counted(store, monkeypatch)
    run = SimpleNamespace(limit=4, examples=EXAMPLES)
    whole = in_stores([cast(Run, run)], [store])
    for _ in range(2):
        for sid, examples in EXAMPLES.items():
            table = whole(0, sid)
            expected = list(range(examples)) if sid != "none" else []
            assert table.column("position").to_pylist() == expected
            assert table.column("tokens").to_pylist() == [[n, n] for n in expected]
            assert set(table.column("setting_id").to_pylist()) <= {sid}
    assert len(read) == reads
