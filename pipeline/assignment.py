"""A worker's assignment: slices of one setting to evaluate, in this process or in a trial of Ray Tune.

Several workers may have assignments of the same setting at once; no two of them share a slice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.setting import Setting
from pipeline.store import Span, Store
from pipeline.totals import Totals, totals_of

if TYPE_CHECKING:
    from pipeline.evaluate import Evaluator


@dataclass(frozen=True)
class Assignment:
    """`slices` are evaluated in this order."""

    setting: Setting
    slices: tuple[Span, ...]

    def __str__(self) -> str:
        return self.setting.id

    @property
    def key(self) -> tuple[str, Span]:
        """Tells it from all others that are being worked on."""
        return self.setting.id, self.slices[0]

    def evaluated(self, evaluator: Evaluator, store: Store, limit: int) -> Iterator[Totals]:
        """Evaluates and stores slice after slice. Yields, after each, the totals of those finished by then."""
        sid, totals = self.setting.id, Totals()
        for start, stop in self.slices:
            records = evaluator.slice(self.setting, start, stop)
            store.write_slice(sid, start, stop, records)
            totals += totals_of(records)
            yield totals
