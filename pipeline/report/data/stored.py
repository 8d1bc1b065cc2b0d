"""The records of a store as a report keeps them in memory: measured, slice by slice, in narrow columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.report.data.measures import LISTS, METRIC, TAKEN_OUT, measures
from pipeline.report.data.records import COLUMNS
from pipeline.storage.record import SCHEMA
from pipeline.storage.store import Contents, Span, Store

KEPT = [field for field in SCHEMA if field.name in (*COLUMNS, "sandbox") and field.name not in TAKEN_OUT]


def load_measured(store: Store, setting_ids: Iterable[str], limit: int) -> Contents:
    """As `Store.load`, with the records as `measured` leaves them.

    Texts are categories. A count that every record has is int16 or int32 where it fits, one that some lack float64; a
    column without values is float32.
    """
    covered: dict[str, list[Span]] = {}
    damaged: list[str] = []
    texts = {field.name: _Texts() for field in KEPT if pa.types.is_string(field.type)}
    numbers = {field.name: _Numbers() for field in KEPT if field.name not in texts}
    size = 0
    # In order of the ids, as `clean` wants them.
    for portion in store.portions(sorted(setting_ids), limit):
        covered |= portion.covered
        damaged += portion.damaged
        table = portion.table.combine_chunks()
        if not len(table):
            continue
        for name, own in texts.items():
            own.add(_whole(table, name))
        for field in KEPT:
            if field.name not in texts:
                numbers[field.name].add(_narrow(_whole(table, field.name)))
        found = measures({name: _whole(table, name) for name in LISTS}, _whole(table, "metrics"))
        for name, values in found.items():
            if name not in numbers:  # a metric that no record had so far
                numbers[name] = _Numbers()
                numbers[name].add(_unknown(size))
            numbers[name].add(_shortened(values))
        size += len(table)
        for name in numbers.keys() - found.keys():
            if name.startswith(METRIC):
                numbers[name].add(_unknown(len(table)))
    columns: dict[str, Any] = {name: own.column() for name, own in texts.items()}
    columns |= {name: own.column() for name, own in numbers.items()}
    return Contents(pd.DataFrame(columns, copy=False), covered, damaged)


class _Numbers:
    """A column of numbers, as it grows, in one array: many small ones would leave as much memory again in pieces."""

    def __init__(self) -> None:
        self._size, self._values = 0, np.zeros(0)

    def add(self, values: NDArray[Any]) -> None:
        if not self._size:
            self._values = values.copy()
        kind, end = np.result_type(self._values, values), self._size + len(values)
        if kind.kind == "f" and (self._values.dtype.kind == "i" or values.dtype.kind == "i"):
            kind = np.dtype(np.float64)  # of counts: a narrower one would be added up in so few digits
        if kind != self._values.dtype:
            self._values = self._values.astype(kind)
        if end > len(self._values):
            self._values.resize(max(end, len(self._values) * 9 // 8), refcheck=False)
        self._values[self._size : end] = values
        self._size = end

    def column(self) -> NDArray[Any]:
        self._values.resize(self._size, refcheck=False)
        return self._values


class _Texts:
    """A column of texts that repeat, as it grows."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._places = _Numbers()

    def add(self, values: pa.Array) -> None:
        encoded = values.dictionary_encode()
        own = [self._codes.setdefault(text, len(self._codes)) for text in encoded.dictionary.to_pylist()]
        place = encoded.indices.fill_null(len(own)).to_numpy(zero_copy_only=False)
        self._places.add(np.array([*own, -1], dtype=np.int32)[place])

    def column(self) -> pd.Categorical:
        """With the categories in order, so that sorting by it sorts the texts."""
        ordered: Any = sorted(self._codes)
        rank = np.full(len(ordered) + 1, -1, dtype=np.int32)
        for place, text in enumerate(ordered):
            rank[self._codes[text]] = place
        return pd.Categorical.from_codes(
            rank[self._places.column().astype(np.int32, copy=False)], categories=ordered
        )


def _whole(table: pa.Table, name: str) -> Any:
    """A column of a table that has any rows, in one piece."""
    return pa.chunked_array(table.column(name)).combine_chunks()


def _narrow(values: pa.Array) -> NDArray[Any]:
    if values.null_count == len(values):
        return _unknown(len(values))
    if values.null_count:
        return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)
    return _shortened(values.to_numpy())


def _shortened(values: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers in as few bytes as hold all of them."""
    if values.dtype == np.int64:
        largest = np.abs(values).max(initial=0)
        for kind in (np.int16, np.int32):
            if largest <= np.iinfo(kind).max:
                return values.astype(kind)
    return values


def _unknown(size: int) -> NDArray[np.float32]:
    return np.full(size, np.nan, dtype=np.float32)
