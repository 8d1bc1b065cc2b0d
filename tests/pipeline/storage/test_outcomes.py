"""Outcomes are those of the slices, whatever was remembered; the index spares reading, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config
from pipeline.storage import store as store_module
from pipeline.storage.outcomes import Outcomes
from pipeline.storage.record import FORMAT, Record
from pipeline.storage.span import Span
from pipeline.storage.store import Store
from tests.pipeline.conftest import Judge
from tests.pipeline.jobs.test_job import UNSTEADY, run, stored

IDS, SIZE = ("a", "b"), 8


def fill(store: Store, sid: str, start: int, score: float = 1.0) -> None:
    told = {"nfe": 3, "score": score, "leeway_above": 0.25, "leeway_below": 0.5}
    records = [Record(sid, "arith", f"e{n}", n, **(told if n % 4 else {})) for n in range(start, start + 4)]
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
    read, seen = store._bytes, list[tuple[str, Span]]()

    def noted(setting_id: str, span: Span) -> object:
        seen.append((setting_id, span))
        return read(setting_id, span)

    monkeypatch.setattr(store, "_bytes", noted)
    return seen


def reads(store: Store, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many slices are read for the outcomes, which are those of the records."""
    seen = watched(store, monkeypatch)
    found = store.outcomes(IDS, SIZE)
    whole = Store(store.root).load(IDS, SIZE)
    assert (found.covered, found.damaged) == (whole.covered, whole.damaged)
    places = {name: name for name in ("setting_id", "position", "score", "nfe")}
    for name, own in {**places, "above": "leeway_above", "below": "leeway_below"}.items():
        pd.testing.assert_series_equal(
            found.records[name].astype("object"),
            whole.records[own].astype("object"),
            check_dtype=False,
            check_names=False,
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


def test_an_index_whose_outcomes_mean_something_else_is_not_read(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before INDEX had a second number, a repeat had the seconds of the decode that it repeats."""
    [index] = (indexed / "index").iterdir()
    index.rename(index.with_name(f"outcomes-{FORMAT}.parquet"))
    assert reads(Store(str(indexed)), monkeypatch) == 4


def test_what_changed_since_is_read_again(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(Store(str(indexed)), "a", 4, score=0.0)
    (indexed / "slices" / "b" / "0-4.parquet").write_bytes(b"damaged")
    assert reads(Store(str(indexed)), monkeypatch) == 2


def test_any_scored_reads_until_it_knows(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(str(indexed))
    seen = watched(store, monkeypatch)
    assert store.any_scored("a", SIZE) and len(seen) == 1 and not store.any_scored("c", SIZE)
    assert not store.any_scored("a", 1), (
        "of its slice the first example alone is asked for, which has no score"
    )


def test_two_sweeps_that_write_it_one_after_the_other_leave_what_both_know(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of settings that they share and of their own."""
    one, other = Store(str(indexed)), Store(str(indexed))
    fill(one, "c", 0)
    fill(other, "d", 0)
    one.outcomes([*IDS, "c"], SIZE)
    other.outcomes([*IDS, "d"], SIZE)
    one.write_index([*IDS, "c"])
    other.write_index([*IDS, "d"])
    after = Store(str(indexed))
    seen = watched(after, monkeypatch)
    assert len(after.outcomes([*IDS, "c", "d"], SIZE).records) == 2 * SIZE + 8 and seen == []


def test_two_sweeps_that_write_it_at_once_leave_a_whole_one(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [index] = (indexed / "index").iterdir()
    index.unlink()
    stores = [Store(str(indexed)) for _ in range(8)]
    for store, sid in zip(stores, "ab" * 4, strict=True):
        store.outcomes([sid], SIZE)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda place: stores[place].write_index(["ab"[place % 2]]), range(8)))
    assert [path.name for path in (indexed / "index").iterdir()] == [index.name]
    assert reads(Store(str(indexed)), monkeypatch) <= 2


def test_a_slice_that_is_gone_or_was_joined_leaves_the_index(indexed: Path) -> None:
    store = Store(str(indexed))
    store.outcomes(IDS, SIZE)
    store.remove("a", (4, 8))
    fill(store, "b", 8)
    store.outcomes(IDS, 12)
    store.write_index(IDS)
    known = Outcomes()
    [index] = (indexed / "index").iterdir()
    known.add_index(index.read_bytes())
    assert {key[:3] for key in known._known} == {("a", 0, 4), ("b", 0, 4), ("b", 4, 8), ("b", 8, 12)}


@pytest.mark.slow
def test_what_the_index_hid_is_decoded_again(
    make_config: Callable[..., Config], judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that loses what a file held, and keeps its size, its time and its place."""
    monkeypatch.setattr(store_module, "WORTH", 1)
    config = make_config("task.name=judge")
    assert run(config)[0] == 0
    before = stored(config)
    file = min(Path(config.store).glob("slices/*/*"))
    times = file.stat()
    with file.open("r+b") as opened:
        opened.seek(times.st_size // 2)
        opened.write(b"\0" * 64)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    ids = list(before["setting_id"].unique())
    assert (
        Store(config.store).outcomes(ids, 10).damaged == []
        and len(Store(config.store).load(ids, 10).damaged) == 1
    )
    code, shown = run(config)
    assert code == 0, shown
    pd.testing.assert_frame_equal(stored(config).drop(columns=UNSTEADY), before.drop(columns=UNSTEADY))
    assert Store(config.store).load(ids, 10).damaged == []
    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, "slices", None)
        assert "10 of 10 stored already" in run(config)[1]


@pytest.mark.slow
def test_a_sweep_that_is_killed_has_written_what_it_had_read(
    make_config: Callable[..., Config], judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "WORTH", 1)
    assert run(make_config("task.name=judge"))[0] == 0
    more = make_config("task.name=judge", "limit=12")
    [index] = Path(more.store).glob("index/*")
    index.unlink()

    def killed(*_: object) -> None:
        assert index.exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(Evaluator, "slices", killed)
    assert run(more)[0] == 130
    assert index.exists()
