"""Answers that were left without a score because their scorer failed: scored again, and not decoded again.

Nothing here can know whether a scorer failed by the answer's fault. Most often it is the machine's: a sandbox that
could not start, no memory, a full disk. As the answer is in its record, trying once more costs no pass of the model:
every command that goes on with a sweep does so, once, whatever the fault was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pipeline.evaluation.example_record import to_score
from pipeline.evaluation.judge import Judge
from pipeline.planning.setting import Setting
from pipeline.sandbox import Require, shared_sandbox
from pipeline.storage.record import from_table
from pipeline.storage.slice_file import Slice
from pipeline.storage.span import Span
from pipeline.storage.store import Store
from pipeline.tasks import CodeTask, Example, TaskSettings, open_task
from pipeline.tasks.first import first_examples


class ScoredAgain:
    """What came of it: how many answers were tried, how many have a score now, and why others could not be tried."""

    def __init__(self, store: Store, require: Require) -> None:
        self.answers = self.scored = 0
        self.faults: dict[str, None] = {}
        self._store, self._require, self._judge = store, require, Judge()

    def settle(
        self,
        settings: Iterable[Setting],
        positions: Mapping[str, set[int]],
        covered: Mapping[str, Iterable[Span]],
    ) -> None:
        """`positions`: by setting, where something is decoded and not scored; `covered`: the slices there are."""
        asked: dict[TaskSettings, list[Setting]] = {}
        for setting in settings:
            asked.setdefault(setting.task, []).append(setting)
        for task, own in asked.items():
            try:
                self._check(task)
                examples = first_examples(task, 1 + max(max(positions[setting.id]) for setting in own))
                for setting in own:
                    for span in covered[setting.id]:
                        if not positions[setting.id].isdisjoint(range(*span)):
                            self._score(setting, span, examples)
            except (ValueError, OSError) as error:
                # No rows, no sandbox, no room: the records stay as they are.
                self.faults[str(error)] = None

    def _check(self, task: TaskSettings) -> None:
        if isinstance(open_task(task, self._require), CodeTask):
            shared_sandbox(self._require)  # raises where no program can be run: none is tried

    def _score(self, setting: Setting, span: Span, examples: Sequence[Example]) -> None:
        """A slice is written anew once one of its answers has got a score."""
        read = self._store.read(setting.id, span)
        if not isinstance(read, Slice) or not read.current:  # damaged, or with what this version would drop
            return
        before = from_table(read.table)
        failed = [
            replace(record, error=None)
            for record in before
            if record.score is None and to_score(record) is not None and record.position < len(examples)
        ]
        task = open_task(setting.task, self._require)
        settled = self._judge.scored(task, setting.task, [examples[one.position] for one in failed], failed)
        have = {record.position: record for record in settled if record.score is not None}
        self.answers += len(failed)
        self.scored += len(have)
        if have:
            self._store.write_slice(setting.id, *span, [have.get(one.position, one) for one in before])
