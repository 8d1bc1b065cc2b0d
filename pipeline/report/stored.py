"""The records of a store as a report keeps them in memory: measured, slice by slice, in narrow columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.report.measures import LISTS, METRIC, TAKEN_OUT, measures
from pipeline.report.records import COLUMNS
from pipeline.storage.record import SCHEMA
from pipeline.storage.store import Contents, Span, Store

KEPT = [field for field in SCHEMA if field.name in (*COLUMNS, "sandbox") and field.name not in TAKEN_OUT]


def load_measured(store: Store, setting_ids: Iterable[str], limit: int) -> Contents:
    """As `Store.load`, with the records as `measured` leaves them.

    Texts are categories. A count is int32 where every record has it, else float64; a column without values is float32.
    """
    covered: dict[str, list[Span]] = {}
    damaged: list[str] = []
    texts = {field.name: _Texts() for field in KEPT if pa.types.is_string(field.type)}
    parts: dict[str, list[NDArray[Any]]] = {field.name: [] for field in KEPT if field.name not in texts}
    sizes: list[int] = []
    # In order of the ids, as `clean` wants them.
    for portion in store.portions(sorted(setting_ids), limit):
        covered |= portion.covered
        damaged += portion.damaged
        table = portion.table.combine_chunks()
        if not len(table):
            continue
        sizes.append(len(table))
        for name, own in texts.items():
            own.add(_whole(table, name))
        for field in KEPT:
            if field.name not in texts:
                parts[field.name].append(_narrow(_whole(table, field.name)))
        found = measures({name: _whole(table, name) for name in LISTS}, _whole(table, "metrics"))
        for name, values in found.items():
            before = [np.full(size, np.nan, dtype=np.float32) for size in sizes[:-1]]
            parts.setdefault(name, before).append(_shortened(values))
        for name in parts.keys() - found.keys():
            if name.startswith(METRIC):
                parts[name].append(np.full(len(table), np.nan, dtype=np.float32))
    columns: dict[str, Any] = {name: own.column() for name, own in texts.items()}
    for name in list(parts):
        columns[name] = _joined(parts.pop(name))
    return Contents(pd.DataFrame(columns, copy=False), covered, damaged)


class _Texts:
    """A column of texts that repeat, as it grows."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._parts: list[NDArray[np.int32]] = []

    def add(self, values: pa.Array) -> None:
        encoded = values.dictionary_encode()
        own = [self._codes.setdefault(text, len(self._codes)) for text in encoded.dictionary.to_pylist()]
        place = encoded.indices.fill_null(len(own)).to_numpy(zero_copy_only=False)
        self._parts.append(np.array([*own, -1], dtype=np.int32)[place])

    def column(self) -> pd.Categorical:
        """With the categories in order, so that sorting by it sorts the texts."""
        ordered: Any = sorted(self._codes)
        rank = np.full(len(ordered) + 1, -1, dtype=np.int32)
        for place, text in enumerate(ordered):
            rank[self._codes[text]] = place
        codes = np.concatenate(self._parts) if self._parts else np.zeros(0, dtype=np.int32)
        return pd.Categorical.from_codes(rank[codes], categories=ordered)


def _whole(table: pa.Table, name: str) -> Any:
    """A column of a table that has any rows, in one piece."""
    return pa.chunked_array(table.column(name)).combine_chunks()


def _narrow(values: pa.Array) -> NDArray[Any]:
    if values.null_count == len(values):
        return np.full(len(values), np.nan, dtype=np.float32)
    if values.null_count:
        return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)
    return _shortened(values.to_numpy())


def _shortened(values: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers as int32 where they fit. A copy, so that the slice it comes from can go."""
    if values.dtype == np.int64 and np.abs(values).max(initial=0) < 2**31:
        return values.astype(np.int32)
    return values.copy()


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    if not parts:
        return np.zeros(0)
    return np.concatenate(parts)  # of int32 and float of any kind: float64
