"""Slices of one setting whose examples are being decoded, in whatever order they finish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.storage.record import Record
from pipeline.storage.store import Span


class OpenSlices:
    """Records by position, until those of a whole slice are settled."""

    def __init__(self) -> None:
        self.records: dict[int, Record] = {}
        self._left: dict[Span, set[int]] = {}  # positions that are not settled

    def add(self, span: Span, records: Sequence[Record]) -> None:
        """Opens a slice, with records that say as much as is known."""
        self._left[span] = set(range(*span))
        self.records |= {record.position: record for record in records}

    def settle(self, record: Record) -> None:
        """Nothing more will be decoded for it."""
        self.records[record.position] = record
        next(left for left in self._left.values() if record.position in left).remove(record.position)

    def whole(self) -> Iterator[tuple[Span, list[Record]]]:
        """Each slice that is settled, once: it is closed."""
        for span in [span for span, left in self._left.items() if not left]:
            del self._left[span]
            yield span, [self.records.pop(position) for position in range(*span)]
