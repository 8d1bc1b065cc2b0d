"""Outcomes (outcome.py) of examples: what planning needs of the records, kept apart from texts and traces.

A search, a stopping rule and a budget ask for them of all settings, again and again. `Outcomes` remembers those of each
slice that was read, by the slice's name and the mark of its file (listing.py), so that a slice which was replaced is
read again. They can be written to one file of the store, its index, which spares reading the slices of a large sweep
that is continued. Whatever it holds, a missing, damaged or outdated index costs nothing but time: nothing is looked up
in it but for a file that is there, with the very mark that it had when it was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.storage.outcome import Outcome
from pipeline.storage.record import FORMAT
from pipeline.storage.seal import from_sealed, to_sealed
from pipeline.storage.span import Span

Key = tuple[str, int, int, str]  # setting, start, stop, mark

# Raise it when an outcome means something else: a version that takes it for another must not share the index.
MEANING = 2  # 2: a repeat has no seconds
INDEX = f"index/outcomes-{FORMAT}-{MEANING}.parquet"  # of a version that reads other formats, another
_SCHEMA = pa.schema(
    [
        pa.field("setting_id", pa.string()),
        pa.field("start", pa.int64()),
        pa.field("stop", pa.int64()),
        pa.field("mark", pa.string()),
        pa.field("score", pa.list_(pa.float64())),
        pa.field("nfe", pa.list_(pa.float64())),
        pa.field("seconds", pa.list_(pa.float32())),
        pa.field("above", pa.list_(pa.float32())),
        pa.field("below", pa.list_(pa.float32())),
    ]
)


class Outcomes:
    """Those of the slices that were read, in this process or, once `add_index` was called, in an earlier one."""

    def __init__(self) -> None:
        self.indexed = False  # whether the index was asked for
        self.fresh = 0  # slices that the index lacks, and
        self.dropped: set[Key] = set()  # those that it should not have
        self._known: dict[Key, Outcome] = {}

    def get(self, setting_id: str, span: Span, mark: str) -> Outcome | None:
        return self._known.get((setting_id, *span, mark)) if mark else None

    def put(self, setting_id: str, span: Span, mark: str, outcome: Outcome) -> None:
        key = (setting_id, *span, mark)
        if mark and key not in self._known:
            self._known[key] = outcome
            self.fresh += 1

    def drop(self, setting_id: str, span: Span, mark: str) -> None:
        """Of a file that can't be read: a disk can lose what it held and keep the file's mark."""
        key = (setting_id, *span, mark)
        if self._known.pop(key, None):
            self.dropped.add(key)

    def add_index(self, data: bytes) -> None:
        """Raises pa.ArrowException, OSError or ValueError for what is no index."""
        self.indexed = True
        table = from_sealed(data)
        if table.schema != _SCHEMA:
            raise ValueError("another version's index")
        own = [table.column(name).to_pylist() for name in ("setting_id", "start", "stop", "mark")]
        lists = [table.column(name).combine_chunks() for name in Outcome._fields]
        values = [one.flatten().to_numpy(zero_copy_only=False) for one in lists]
        lengths = [np.diff(one.offsets.to_numpy()) for one in lists]
        sizes = np.array(own[2], dtype=np.int64) - np.array(own[1], dtype=np.int64)
        if any((length != sizes).any() for length in lengths):
            raise ValueError("not as many outcomes as examples")
        ends = np.cumsum(sizes).tolist()
        for key, end, size in zip(zip(*own, strict=True), ends, sizes.tolist(), strict=True):
            if key not in self._known and key not in self.dropped:
                self._known[key] = Outcome(*(part[end - size : end] for part in values))

    def keep(self, setting_ids: Iterable[str], there: Iterable[Key]) -> None:
        """Of these settings only the slices that are there."""
        ids, kept = set(setting_ids), set(there)
        self._known = {key: own for key, own in self._known.items() if key[0] not in ids or key in kept}

    def to_index(self) -> bytes:
        """All that is known, for `add_index`."""
        keys = sorted(self._known)
        found = [self._known[key] for key in keys]
        columns: list[pa.Array] = [pa.array([key[place] for key in keys]) for place in range(4)]
        for name in Outcome._fields:
            parts = [getattr(own, name) for own in found]
            offsets = np.cumsum([0, *map(len, parts)], dtype=np.int32)
            kind = _SCHEMA.field(name).type.value_type
            columns.append(pa.ListArray.from_arrays(offsets, pa.array(_joined(parts), kind)))
        return to_sealed(pa.Table.from_arrays(columns, schema=_SCHEMA), compression="zstd")


def outcome_frame(
    setting_ids: Sequence[str], slices: Sequence[tuple[str, Span, Outcome]], limit: int
) -> pd.DataFrame:
    """Columns setting_id (a category), position and an outcome's: a row per example, the first where slices
    overlap, ordered by setting and position. `slices`: in that order, by their start.
    """
    place = {sid: number for number, sid in enumerate(setting_ids)}
    sizes = np.array([span[1] - span[0] for _, span, _ in slices], dtype=np.int64)
    starts = np.array([span[0] for _, span, _ in slices], dtype=np.int64)
    code = np.repeat(np.array([place[sid] for sid, _, _ in slices], dtype=np.int64), sizes)
    position = np.arange(len(code)) - np.repeat(np.cumsum(sizes) - sizes - starts, sizes)
    columns = {name: _joined([getattr(own, name) for _, _, own in slices]) for name in Outcome._fields}
    kept = first_of_each(code, position, limit)
    if kept is not None:
        code, position = code[kept], position[kept]
        columns = {name: values[kept] for name, values in columns.items()}
    names: Any = list(setting_ids)
    named = pd.Categorical.from_codes(code.astype(np.int32), categories=names)
    return pd.DataFrame({"setting_id": named, "position": position, **columns}, copy=False)


def first_of_each(
    setting: NDArray[np.int64], position: NDArray[np.int64], limit: int
) -> NDArray[np.intp] | None:
    """Which rows to take, and in which order, so that the first of each example below `limit` comes by setting and
    position; None where that is so already.
    """
    after = (setting[1:] > setting[:-1]) | (position[1:] > position[:-1])
    if after.all() and (position < limit).all():
        return None
    order = np.lexsort((position, setting))  # stable: of equal ones the first comes first
    kept = np.append(True, (np.diff(setting[order]) > 0) | (np.diff(position[order]) > 0))[: len(order)]
    found: NDArray[np.intp] = order[kept & (position[order] < limit)]
    return found


def _joined(parts: Sequence[NDArray[np.float64]] | Sequence[NDArray[np.float32]]) -> NDArray[np.floating]:
    return np.concatenate(parts) if parts else np.zeros(0)
