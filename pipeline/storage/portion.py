"""Portions: the records of some settings at a time, each example once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.storage.listing import Marks
from pipeline.storage.outcomes import first_of_each
from pipeline.storage.record import SCHEMA
from pipeline.storage.span import Span

AT_ONCE = 8192  # examples of a portion, unless a setting alone has more


class Portion(NamedTuple):
    """The contents of some settings, the records as a table with exactly SCHEMA."""

    table: pa.Table
    covered: dict[str, list[Span]]
    damaged: list[str]


class LastPortion:
    """The portion that was read last, where it is all that was asked for: a report reads its few records twice."""

    def __init__(self) -> None:
        self._asked: tuple[list[tuple[str, Marks]], int] | None = None
        self._portion: Portion | None = None

    def get(self, listed: Mapping[str, Marks], limit: int) -> Portion | None:
        """None if other settings, in another order, or files with other marks are asked for now."""
        return self._portion if self._asked == (list(listed.items()), limit) else None

    def put(self, listed: Mapping[str, Marks], limit: int, portion: Portion) -> Portion:
        """The portion itself. It is not kept where a file has no mark, and may change unseen."""
        whole = portion.covered.keys() == listed.keys() and len(portion.table) <= AT_ONCE
        if whole and all(mark for own in listed.values() for mark in own.values()):
            self._asked, self._portion = (list(listed.items()), limit), portion
        else:
            self._asked = self._portion = None
        return portion


def in_portions(listed: Mapping[str, Marks]) -> Iterator[list[str]]:
    """The settings in order, as many at a time as have AT_ONCE examples."""
    some: list[str] = []
    examples = 0
    for sid, slices in listed.items():
        some.append(sid)
        examples += sum(stop - start for start, stop in slices)
        if examples >= AT_ONCE:
            yield some
            some, examples = [], 0
    yield some


def first_records(slices: Sequence[pa.Table], limit: int) -> pa.Table:
    """Examples 0..limit-1 of slices that come setting by setting: the first record of each, in order of position."""
    table = pa.concat_tables([SCHEMA.empty_table(), *slices])
    position = table.column("position").to_numpy()
    setting = np.repeat(np.arange(len(slices)), [len(own) for own in slices])
    ids = [own.column("setting_id")[0].as_py() if len(own) else None for own in slices]
    ranks = {sid: rank for rank, sid in enumerate(dict.fromkeys(ids))}
    setting = np.array([ranks[sid] for sid in ids], dtype=np.int64)[setting]
    kept = first_of_each(setting, position, limit)
    return table if kept is None else table.take(kept)
