"""Few records are read once, for as long as their files stay as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.storage.portion import Portion
from pipeline.storage.store import Store
from tests.pipeline.storage.test_store import records


def test_few_records_are_read_again_only_when_their_files_have_changed(tmp_path: Path) -> None:
    store = Store(str(tmp_path))

    def read(ids: str = "ab", limit: int = 4) -> Portion:
        [portion] = store.portions(ids, limit)
        return portion

    store.write_slice("a", 0, 4, records(0, 4))
    store.write_slice("b", 0, 4, records(0, 4, "b"))
    first = read()
    assert read() is first
    assert read("ba").table["setting_id"].to_pylist() == [*"bbbbaaaa"]
    assert len(read("a").table) == 4
    assert len(read(limit=2).table) == 4
    assert read().table.equals(first.table)
    store.write_slice("a", 0, 4, [replace(record, score=0.5) for record in records(0, 4)])
    assert read().table["score"].to_pylist() == [0.5] * 4 + [1.0] * 4
    (tmp_path / "slices/b/0-4.parquet").write_bytes(b"")
    assert (len(read().table), len(read().damaged)) == (4, 1)


def test_what_a_service_has_no_mark_of_is_read_each_time() -> None:
    store = Store("memory://without-marks")
    store.write_slice("a", 0, 4, records(0, 4))
    [first], [second] = store.portions("a", 4), store.portions("a", 4)
    assert first is not second and first.table.equals(second.table)
