"""A worker's assignment: one setting and the slices of it to evaluate, in this process or in a trial of Ray Tune."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.evaluate import Evaluator
from pipeline.setting import Setting
from pipeline.store import Span, Store
from pipeline.totals import Totals, stored_totals, totals_of


@dataclass(frozen=True)
class Assignment:
    """`slices` are begun in this order."""

    setting: Setting
    slices: tuple[Span, ...]

    def __str__(self) -> str:
        return self.setting.id

    def evaluated(self, evaluator: Evaluator, store: Store, limit: int) -> Iterator[Totals]:
        """Evaluates all slices as one stream, and stores each as soon as it is finished.

        Yields, after each, the totals of what is stored by then.

        They cover the setting's first `limit` examples. The store is read once, at the start.
        """
        sid = self.setting.id
        totals = stored_totals(store.load([sid], limit).records).get(sid, Totals())
        if totals.scored:
            evaluator.prove(sid)
        for (start, stop), records in evaluator.slices(self.setting, self.slices):
            store.write_slice(sid, start, stop, records)
            totals += totals_of(records)
            yield totals
