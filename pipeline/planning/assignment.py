"""A worker's assignment: slices of one setting to evaluate, in this process or in a trial of Ray Tune.

Several workers may have assignments of the same setting at once; no two of them share a slice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.planning.repeats import repeated
from pipeline.planning.setting import Setting
from pipeline.storage.store import Span, Store
from pipeline.storage.totals import Totals, totals_of

if TYPE_CHECKING:
    from pipeline.evaluation.evaluate import Evaluator


@dataclass(frozen=True)
class Assignment:
    """`slices` are begun in this order."""

    setting: Setting
    slices: tuple[Span, ...]
    apart: bool = False  # one slice after the other: where a worker is lost, it is known at which
    neighbours: tuple[str, ...] = ()  # settings whose decodes this one's may repeat, see line.py

    def __str__(self) -> str:
        return self.setting.id

    def __deepcopy__(self, memo: object) -> Assignment:
        return self  # nothing of it changes, and Tune copies every trial's

    @property
    def key(self) -> tuple[str, Span]:
        """Tells it from all others that are being worked on."""
        return self.setting.id, self.slices[0]

    def evaluated(self, evaluator: Evaluator, store: Store, limit: int) -> Iterator[Totals]:
        """Evaluates all slices as one stream unless they are to be kept apart, and stores each once it is finished.

        What would repeat a neighbour's decode is taken from there. Yields, after each, the totals of those finished by
        then. The store is asked whether anything of the setting's first `limit` examples has been decoded: then an
        example that can't be is at fault, and not the setting. Raises PermissionError, one line, before anything is
        decoded that this user can't store.
        """
        sid, totals = self.setting.id, Totals()
        if line := store.barred(sid):
            raise PermissionError(line)
        known = repeated(store, self.setting, self.neighbours, self.slices)
        if store.any_scored(sid, limit):
            evaluator.prove(sid)
        for spans in [[span] for span in self.slices] if self.apart else [self.slices]:
            for (start, stop), records in evaluator.slices(self.setting, spans, known):
                store.write_slice(sid, start, stop, records)
                totals += totals_of(records)
                yield totals
