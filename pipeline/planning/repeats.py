"""Records of one setting that another one's decodes would only repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from pipeline.planning.line import place_of
from pipeline.planning.setting import Setting
from pipeline.storage.record import Record, from_table
from pipeline.storage.slice_file import Slice
from pipeline.storage.span import Span
from pipeline.storage.store import Store


def repeated(
    store: Store, setting: Setting, neighbours: Sequence[str], spans: Sequence[Span]
) -> dict[int, Record]:
    """By position: the setting's records on the examples of the spans, as far as its neighbours' decodes hold under its
    value of the trade-off parameter. They say under which setting they were decoded.
    """
    if not neighbours or (place := place_of(setting)) is None:
        return {}
    lacking = {position for span in spans for position in range(*span)}
    found: dict[int, Record] = {}
    for neighbour in neighbours:
        for span in store.spans(neighbour):
            if lacking.isdisjoint(range(*span)):
                continue
            slice_ = store.read(neighbour, span)  # a damaged one is none of this setting's concern
            if not isinstance(slice_, Slice):
                continue
            for record in from_table(_holding(slice_.table, place[1])):
                if record.position in lacking:
                    under = record.decoded_under or neighbour
                    found[record.position] = replace(record, setting_id=setting.id, decoded_under=under)
                    lacking.discard(record.position)
    return found


def _holding(table: pa.Table, value: float) -> pa.Table:
    """The scored records whose leeway the value is in."""
    above, below, score = (
        table.column(name).to_numpy() for name in ("leeway_above", "leeway_below", "score")
    )
    return table.filter(pa.array((above < value) & (value < below) & ~np.isnan(score)))
