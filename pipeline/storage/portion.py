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
