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

    The neighbours' outcomes tell which slices to read.
    """
    if not neighbours or (place := place_of(setting)) is None:
        return {}
    value = place[1]
    takes, slices = _takes(store, value, neighbours, spans)
    found: dict[int, Record] = {}
    for (neighbour, _), slice_ in zip(slices, store.read_several(slices), strict=True):
        if not isinstance(slice_, Slice):  # a damaged one is none of this setting's concern
            continue
        for record in from_table(_holding(slice_.table, value)):
            if takes.get(record.position) == neighbour and record.position not in found:
                under = record.decoded_under or neighbour
                found[record.position] = replace(record, setting_id=setting.id, decoded_under=under)
    return found


def _takes(
    store: Store, value: float, neighbours: Sequence[str], spans: Sequence[Span]
) -> tuple[dict[int, str], list[tuple[str, Span]]]:
    """From which neighbour an example is taken, the first that has it, and the slices that those are in."""
    lacking = {position for span in spans for position in range(*span)}
    told = store.outcomes(neighbours, max(stop for _, stop in spans))
    outcomes = told.records
    # float32, as a file tells them beside its table: what they say is looked up in the table.
    above, below = (outcomes[end].to_numpy().astype(np.float64) for end in ("above", "below"))
    holding = outcomes[(above < value) & (value < below) & outcomes["score"].notna()]
    takes: dict[int, str] = {}
    slices: list[tuple[str, Span]] = []
    for neighbour in neighbours:
        own = lacking.intersection(holding["position"][holding["setting_id"] == neighbour])
        lacking -= own
        takes |= dict.fromkeys(own, neighbour)
        slices += [(neighbour, span) for span in told.covered[neighbour] if not own.isdisjoint(range(*span))]
    return takes, slices


def _holding(table: pa.Table, value: float) -> pa.Table:
    """The scored records whose leeway the value is in."""
    above, below, score = (
        table.column(name).to_numpy() for name in ("leeway_above", "leeway_below", "score")
    )
    return table.filter(pa.array((above < value) & (value < below) & ~np.isnan(score)))
