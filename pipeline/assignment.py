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
    apart: bool = False  # one slice after the other: where a worker is lost, it is known at which

    def __str__(self) -> str:
        return self.setting.id

    def evaluated(self, evaluator: Evaluator, store: Store, limit: int) -> Iterator[Totals]:
        """Evaluates all slices as one stream unless they are to be kept apart, and stores each once it is finished.

        Yields, after each, the totals of what is stored by then.

        They cover the setting's first `limit` examples. The store is read once, at the start.
        """
        sid = self.setting.id
        totals = stored_totals(store.load([sid], limit).records).get(sid, Totals())
        if totals.scored:
            evaluator.prove(sid)
        for spans in [[span] for span in self.slices] if self.apart else [self.slices]:
            for (start, stop), records in evaluator.slices(self.setting, spans):
                store.write_slice(sid, start, stop, records)
                totals += totals_of(records)
                yield totals
