"""Joining slices changes no record, whoever is killed or does what at the same time, and whatever is damaged."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import accumulate, count, cycle, pairwise
from pathlib import Path
from threading import Semaphore, Thread
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config
from pipeline.storage import store as store_module
from pipeline.storage.compaction import LONGEST, MANY, compact, crowded
from pipeline.storage.record import FORMAT_KEY, SCHEMA, to_table
from pipeline.storage.store import Span, Store, missing
from tests.pipeline.conftest import Judge
from tests.pipeline.jobs.test_job import UNSTEADY, run, stored
from tests.pipeline.storage.test_store import damage, records, rewrite

START, LENGTH = st.integers(0, 20), st.integers(1, 6)
SPANS = st.lists(
    st.builds(lambda start, length: (start, start + length), START, LENGTH),
    min_size=1,
    max_size=8,
    unique=True,
)
# A run that can be joined, and slices across it.
JOINABLE = st.builds(
    lambda lengths, across: list(dict.fromkeys([*pairwise(accumulate(lengths, initial=0)), *across])),
    st.lists(LENGTH, min_size=4, max_size=6),
    st.lists(st.builds(lambda start, length: (start, start + length), START, LENGTH), max_size=2),
)
TOUCHES = ("pipe_file", "mv", "rm_file", "cat_file", "ls")


def new_store() -> Store:
    return Store(f"memory://{uuid.uuid4().hex}")


def fill(store: Store, spans: Sequence[Span]) -> pd.DataFrame:
    """Slices whose answers name them, so that it is seen whose record counts; returns what a reader finds."""
    place = SCHEMA.get_field_index("answer")
    for start, stop in spans:
        answers = pa.array([f"{start}-{stop}"] * (stop - start))
        table = to_table(records(start, stop)).set_column(place, SCHEMA.field("answer"), answers)
        store.write_table("a", (start, stop), table)
    return found(store)


def found(store: Store) -> pd.DataFrame:
    return store.load(["a"], 10**6).records


class Watched:
    """A file system of which `before` is told, with the operation's arguments, before each that touches a file."""

    def __init__(self, files: Any, before: Callable[..., None], names: Sequence[str] = TOUCHES) -> None:
        self._files, self._before, self._names = files, before, names

    def __getattr__(self, name: str) -> Any:
        own = getattr(self._files, name)
        if name not in self._names:
            return own

        def watched(*arguments: Any, **keywords: Any) -> Any:
            self._before(*arguments)
            return own(*arguments, **keywords)

        return watched


class Killed(BaseException):
    pass


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(spans=JOINABLE)
@example(spans=[(0, 2), (2, 3), (3, 4), (4, 5), (0, 1)])
def test_killed_at_any_moment_it_leaves_the_same_records_and_the_next_one_ends_it(spans: list[Span]) -> None:
    moments, whole = count(), False
    while not whole:
        whole = killed_after(next(moments), spans)


def killed_after(touches: int, spans: list[Span]) -> bool:
    """Whether it came to its end before."""
    store, left = new_store(), iter(range(touches))
    before, files, died = fill(store, spans), store._fs, []

    def die(*arguments: Any) -> None:
        if next(left, None) is None:
            died.append(True)
            raise Killed

    store._fs = Watched(files, die)
    with suppress(Killed):
        compact(store, ["a"])
    store._fs = files
    pd.testing.assert_frame_equal(found(store), before)
    for path in files.find(store._base):  # as remove_leftovers does in an hour
        if path.endswith(".tmp"):
            files.rm_file(path)
    compact(store, ["a"])
    pd.testing.assert_frame_equal(found(store), before)
    assert crowded(store.spans("a")) == [] and store.load(["a"], 10**6).damaged == []
    return not died


def test_a_reader_whose_listed_slices_are_joined_before_it_has_read_them_lists_again() -> None:
    store = new_store()
    before, files, other = fill(store, [(n, n + 4) for n in range(0, 20, 4)]), store._fs, Store(store.root)
    first = iter([True])

    def join(*arguments: Any) -> None:
        if next(first, False):
            compact(other, ["a"])

    store._fs = Watched(files, join, ["cat_file"])
    contents = store.load(["a"], 20)
    assert contents.damaged == [] and contents.covered == {"a": [(0, 20)]}
    pd.testing.assert_frame_equal(contents.records, before)


class Actor(Thread):
    """Does something with a store, and waits for its turn before it touches a file."""

    def __init__(self, store: Store, act: Callable[[Store], object]) -> None:
        super().__init__(daemon=True)
        self.go, self.waits, self.over, self.error = Semaphore(0), Semaphore(0), False, ""
        self._store, self._act = store, act
        store._fs = Watched(store._fs, self._wait)

    def _wait(self, *arguments: Any) -> None:
        self.waits.release()
        self.go.acquire()

    def run(self) -> None:
        self._wait()
        try:
            self._act(self._store)
        except BaseException as error:
            self.error = repr(error)
        self.over = True
        self.waits.release()


def side_by_side(actors: Sequence[Actor], turns: Sequence[tuple[int, int]]) -> None:
    """One at a time: who goes on, and how often, over and over."""
    order = cycle([actor for actor, times in turns for _ in range(times)])
    for actor in actors:
        actor.start()
        actor.waits.acquire()
    while live := [actor for actor in actors if not actor.over]:
        actor = live[next(order) % len(live)]
        actor.go.release()
        actor.waits.acquire()
    assert [actor.error for actor in actors] == [""] * len(actors)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    spans=JOINABLE,
    again=st.lists(st.integers(0, 9), max_size=3),
    turns=st.lists(st.tuples(st.integers(0, 11), st.integers(1, 20)), min_size=4, max_size=12),
)
def test_two_of_them_a_reader_and_a_writer_side_by_side_leave_the_same_records(
    spans: list[Span], again: list[int], turns: list[tuple[int, int]]
) -> None:
    """The writer, another sweep, writes slices that are there or were there, and one more."""
    root = f"memory://{uuid.uuid4().hex}"
    for start, stop in spans:
        Store(root).write_slice("a", start, stop, records(start, stop))
    before, seen = found(Store(root)), []

    def write(store: Store) -> None:
        for start, stop in [*(spans[n % len(spans)] for n in again), (40, 44)]:
            store.write_slice("a", start, stop, records(start, stop))

    def read(store: Store) -> None:
        seen.append(store.load(["a"], 40))

    acts: list[Callable[[Store], object]] = [lambda store: compact(store, ["a"])] * 2 + [read, write]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "READERS", 1)  # an actor does one thing at a time
        side_by_side([Actor(Store(root), act) for act in acts], turns)
    [contents] = seen
    assert contents.damaged == []
    pd.testing.assert_frame_equal(contents.records, before)
    compact(Store(root), ["a"])
    after = Store(root).load(["a"], 100)
    assert after.damaged == [] and crowded(after.covered["a"]) == []
    pd.testing.assert_frame_equal(after.records[after.records["position"] < 40], before)
    assert missing(after.covered["a"], 44, 4)[-1:] != [(40, 44)]


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(place=st.integers(0, 2**14), bits=st.integers(1, 255), cut=st.booleans())
def test_a_joined_slice_that_is_damaged_on_its_way_costs_nothing(place: int, bits: int, cut: bool) -> None:
    store = new_store()
    before, files = fill(store, [(n, n + 4) for n in range(0, 20, 4)]), store._fs

    class Flipping:
        def __getattr__(self, name: str) -> Any:
            return getattr(files, name)

        def pipe_file(self, path: str, data: bytes) -> None:
            at = place % len(data)
            files.pipe_file(path, data[:at] + (b"" if cut else bytes([data[at] ^ bits]) + data[at + 1 :]))

    store._fs = Flipping()
    compact(store, ["a"])
    store._fs = files
    pd.testing.assert_frame_equal(found(store), before)
    compact(store, ["a"])
    assert store.spans("a") == [(0, 20)]
    pd.testing.assert_frame_equal(found(store), before)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut short", "empty", "one byte turned"])
def test_around_a_damaged_slice_all_is_kept_and_once_it_is_decoded_again_all_is_joined(
    how: str, tmp_path: Path
) -> None:
    store = Store(str(tmp_path))
    fill(store, [(n, n + 4) for n in range(0, 40, 4)])
    damage(tmp_path / "slices/a/16-20.parquet", how)
    before = found(store)
    compact(store, ["a"])
    assert store.spans("a") == [(0, 16), (16, 20), (20, 40)]
    pd.testing.assert_frame_equal(found(store), before)
    fill(store, missing(store.load(["a"], 40).covered["a"], 40, 4))
    compact(store, ["a"])
    assert list(found(store)["position"]) == list(range(40))
    damage(tmp_path / "slices/a/16-20.parquet", how)
    fill(store, [(n, n + 2) for n in range(14, 22, 2)])  # by a sweep with other slices
    compact(store, ["a"])
    assert store.load(["a"], 40).damaged == [] and store.spans("a") == [(0, 40)]


def add_column(table: pa.Table) -> pa.Table:
    return table.append_column("of_a_newer_version", pa.array([1] * len(table)))


def make_older(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata({FORMAT_KEY: b"3"})


@pytest.mark.parametrize("change", [add_column, make_older])
def test_slices_of_another_version_are_left_as_they_are(
    change: Callable[[pa.Table], pa.Table], tmp_path: Path
) -> None:
    store = Store(str(tmp_path))
    fill(store, [(n, n + 4) for n in range(0, 20, 4)])
    rewrite(tmp_path / "slices/a/8-12.parquet", change)
    files = {path.name: path.read_bytes() for path in tmp_path.glob("slices/a/*")}
    compact(store, ["a"])
    assert {path.name: path.read_bytes() for path in tmp_path.glob("slices/a/*")} == files


def test_a_setting_of_which_someone_writes_is_left_alone(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    fill(store, [(n, n + 4) for n in range(0, 20, 4)])
    writes = tmp_path / "slices/a/20-24.parquet.00.tmp"
    writes.write_bytes(b"half")
    compact(store, ["a"])
    assert len(store.spans("a")) == 5
    writes.unlink()
    compact(store, ["a"])
    assert store.spans("a") == [(0, 20)]


@settings(max_examples=20, deadline=None)
@given(spans=SPANS, size=st.integers(8, 300))
def test_what_is_joined_is_many_and_has_no_gap_and_is_not_too_long(spans: list[Span], size: int) -> None:
    whole = missing([], 3000, size)
    for asked in (spans, whole):
        for own in crowded(asked):
            start, stop = own[0][0], max(stop for _, stop in own)
            assert len(own) >= MANY or (start, stop) in own
            assert missing(own, stop, 1) == missing([], start, 1)
            assert stop - start <= LONGEST
    joined = crowded(whole)
    left = len(whole) - sum(len(own) - 1 for own in joined)
    assert left <= MANY * (1 + 3000 / LONGEST)


@pytest.mark.slow
def test_a_whole_job_joins_its_slices_and_finds_them_again(
    make_config: Callable[..., Config], judge: Judge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = ["task.name=judge", "limit=20"]
    config = make_config(*asked)
    assert run(config)[0] == 0
    [file] = Path(config.store).glob("slices/*/*")
    assert file.name == "0-20.parquet" and pq.read_schema(file).metadata[FORMAT_KEY]
    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, "slices", None)
        code, shown = run(config)
    assert code == 0 and "20 of 20 stored already" in shown
    monkeypatch.setattr("pipeline.jobs.run_job.compact", lambda *_: None)
    apart = make_config(*asked, f"store={tmp_path / 'apart'}")
    run(apart)
    assert len(list(Path(apart.store).glob("slices/*/*"))) == 5
    pd.testing.assert_frame_equal(stored(config).drop(columns=UNSTEADY), stored(apart).drop(columns=UNSTEADY))
