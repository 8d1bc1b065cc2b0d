"""A setting's records: the same whatever its slices, groups and batches, whoever fails, stops it or lacks memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import axon.room
import pipeline.evaluation.evaluate as evaluate
from axon.decoding import stream
from axon.waiting import Prompt
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config
from pipeline.planning.assignment import Assignment
from pipeline.planning.plan import make_setting
from pipeline.planning.setting import Setting
from pipeline.storage.record_differences import compare_records
from pipeline.storage.store import Span, Store, missing
from pipeline.tasks import Example
from tests.pipeline.conftest import Judge

pytestmark = pytest.mark.slow

COUNT = 14
LENGTHS = (3, 30, 7, 7, 1, 12, 60, 4, 7, 2, 25, 9, 7, 40)


class Varied(Judge):
    """Prompts of many lengths."""

    def examples(self, split: str, seed: int, count: int) -> list[Example]:
        return [Example(f"e{n}", chr(65 + n) * LENGTHS[n], "", None) for n in range(min(count, COUNT))]


@dataclass
class Device:
    """Fails where one of some prompts is in the batch, has room for so many rows, and runs out at some steps."""

    bad: set[int] = field(default_factory=set)  # positions
    fits: int = COUNT
    faults: list[int] = field(default_factory=list)  # rows that an attempt finishes before memory runs out

    def __call__(
        self,
        model: Any,
        prompts: Iterator[Prompt],
        settings: Any,
        rows: Any,
        timer: Any,
        on_batch: Any,
        leeway: bool,
    ) -> Iterator[Any]:
        batch: set[int] = set()
        left = self.faults.pop() if self.faults else COUNT + 1

        def own() -> Iterator[Prompt]:
            for prompt in prompts:
                batch.add(prompt.index)
                yield prompt

        def begin(at_once: int, columns: int) -> None:
            on_batch(at_once, columns)
            assert at_once == len(batch)
            if at_once > self.fits or (left <= 0 and at_once > 1):
                raise torch.OutOfMemoryError("CUDA out of memory")
            if batch & self.bad:
                raise IndexError("a bad prompt")

        for index, trace in stream(model, own(), settings, rows, timer, begin, leeway=leeway):
            yield index, trace
            batch.remove(index)
            left -= 1


@pytest.fixture
def setting(make_config: Callable[..., Config], judge: Judge, monkeypatch: pytest.MonkeyPatch) -> Setting:
    varied = Varied()
    monkeypatch.setattr(judge, "examples", varied.examples)
    return make_setting(make_config("task.name=judge", "decoder.threshold=0.2", "temperature=0.7"))


def evaluated(setting: Setting, store: Store, slice_size: int, batch: int | None, most: int) -> list[Span]:
    """Evaluates what the store lacks, until so many slices are stored; those that were."""
    covered = store.load([setting.id], COUNT).covered[setting.id]
    lacking = missing(covered, COUNT, slice_size)
    assignment = Assignment(setting, tuple(lacking))
    for done, totals in enumerate(assignment.evaluated(Evaluator(batch), store, COUNT), 1):
        before = sum(stop - start for start, stop in covered)
        assert before + totals.examples == len(store.load([setting.id], COUNT).records)
        if done == most:
            break
    return lacking


def test_records_depend_on_nothing_but_the_setting(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "load", cache(evaluate.load))
    expected: dict[frozenset[int], Any] = {}

    def alone(bad: frozenset[int], folder: str) -> Any:
        """The records, each decoded by itself."""
        if bad not in expected:
            monkeypatch.setattr(axon.room, "stream", Device(set(bad)))
            store = Store(f"{folder}/alone")
            evaluated(setting, store, COUNT, 1, COUNT)
            expected[bad] = store.load([setting.id], COUNT).records
        return expected[bad]

    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @example(bad=frozenset(), slice_size=3, batch=4, groups=1, fits=COUNT, faults=[5, 2], stop=2)
    @example(bad=frozenset({0, 6, 13}), slice_size=1, batch=5, groups=2, fits=3, faults=[0], stop=1)
    @given(
        bad=st.sampled_from([frozenset(), frozenset({6}), frozenset({1, 2, 3}), frozenset({0, 6, 13})]),
        slice_size=st.integers(1, COUNT),
        batch=st.integers(1, 8) | st.none(),
        groups=st.integers(1, 4),
        fits=st.integers(1, COUNT),
        faults=st.lists(st.integers(0, 6), max_size=3),
        stop=st.integers(1, 5),
    )
    def check(
        bad: frozenset[int],
        slice_size: int,
        batch: int | None,
        groups: int,
        fits: int,
        faults: list[int],
        stop: int,
    ) -> None:
        with TemporaryDirectory() as folder:
            records = alone(bad, folder)
            monkeypatch.setattr(evaluate, "GROUP_BATCHES", groups)
            monkeypatch.setattr(axon.room, "stream", Device(set(bad), fits, list(faults)))
            store = Store(f"{folder}/store")
            first = evaluated(setting, store, slice_size, batch, stop)
            assert first == missing([], COUNT, slice_size)
            kept = len(list((Path(folder) / "store/slices" / setting.id).iterdir()))
            assert kept == min(stop, len(first)), "every slice that was yielded is stored"
            evaluated(setting, store, 1 + slice_size // 2, batch, COUNT)
            found = store.load([setting.id], COUNT).records
            assert list(found["position"]) == list(range(COUNT))
            difference = compare_records(records, found)
            assert difference.compared == difference.equal == COUNT and not difference.missing, difference

    check()
