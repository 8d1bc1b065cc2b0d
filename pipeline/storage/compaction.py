"""Compaction: the many small slices of a setting are joined into a few larger ones.

A joined slice is a slice like any other, only longer, so that readers need not know of it. That no record is lost or
changed, whoever is killed at whatever moment, and whoever else reads, writes or joins the same setting, follows from:

- It is written under a temporary name and renamed, like every slice.
- It holds, of each example, the record that counted before; while old and new are both there, that is still so.
- What it holds is removed only once it has been read back and found equal: a damaged one costs nothing.
- Files of another version are left as they are: they may have columns that this one doesn't know.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pyarrow as pa

from pipeline.storage.listing import READERS
from pipeline.storage.slice_file import Slice
from pipeline.storage.span import Span
from pipeline.storage.store import Store

MANY = 4  # slices that are worth joining
LONGEST = 1024  # examples of a joined slice: a damaged one loses no more


def compact(store: Store, setting_ids: Iterable[str]) -> None:
    """Joins what can be joined of these settings, but for those of which someone is just writing a slice.

    Never fails: a store that can't be written, say, stays as it is.
    """
    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(lambda setting_id: _compact(store, setting_id), setting_ids))


def crowded(spans: Iterable[Span]) -> list[list[Span]]:
    """Runs of slices, without a gap within, that one file can hold: of many, or with one that another one holds."""
    runs: list[list[Span]] = []
    for start, stop in sorted(spans):
        if runs and start <= (end := _end(runs[-1])) and max(end, stop) - runs[-1][0][0] <= LONGEST:
            runs[-1].append((start, stop))
        else:
            runs.append([(start, stop)])
    return [run for run in runs if len(run) >= MANY or (len(run) > 1 and _joined(run) in run)]


def _compact(store: Store, setting_id: str) -> None:
    with suppress(Exception):  # each service's client has its own; the results are whole without it
        if store.is_being_written(setting_id):
            return
        for run in crowded(store.spans(setting_id)):
            read = {span: store.read(setting_id, span) for span in run}
            whole = {span: own for span, own in read.items() if isinstance(own, Slice)}
            if all(own.current for own in whole.values()):
                for part in crowded(whole):
                    _join(store, setting_id, part, {span: whole[span].table for span in part}, run)


def _join(
    store: Store, setting_id: str, part: Sequence[Span], tables: dict[Span, pa.Table], listed: Sequence[Span]
) -> None:
    span = _joined(part)
    table = _once(list(tables.values()))
    if span not in tables or not tables[span].equals(table):
        store.write_table(setting_id, span, table)
    kept = store.read(setting_id, span)
    if isinstance(kept, Slice) and kept.table.equals(table):
        # From the last on, a damaged one, too: whose record of an example counts stays the same at every moment.
        for old in reversed(listed):
            if old != span and span[0] <= old[0] and old[1] <= span[1]:
                store.remove(setting_id, old)


def _once(tables: Sequence[pa.Table]) -> pa.Table:
    """Each example once, by position: its record in the first of the tables that has it, as `Store.load` takes it."""
    joined = pa.concat_tables(tables)
    first: dict[int, int] = {}
    for row, position in enumerate(joined.column("position").to_pylist()):
        first.setdefault(position, row)
    return joined.take([first[position] for position in sorted(first)])


def _joined(run: Sequence[Span]) -> Span:
    return run[0][0], _end(run)


def _end(run: Sequence[Span]) -> int:
    return max(stop for _, stop in run)
