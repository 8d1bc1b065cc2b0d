"""What a worker gets: slices of settings of the model that it has loaded, as long as there are any; never too many."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.planning import backlog as module
from pipeline.planning.assignment import Assignment
from pipeline.planning.backlog import FEW_LINES, FEW_WAITING, Backlog
from pipeline.planning.retry import TRIES
from pipeline.storage.store import Span, Store
from pipeline.storage.totals import Totals

SPANS = [(0, 4), (4, 8)]


class Model(str):
    """A model by its name, which is its path, too."""

    @property
    def path(self) -> str:
        return str(self)


def backlog_of(
    models: list[str],
    store: Any = None,
    slices: int = 2,
    neighbours: Callable[[str], tuple[str, ...]] = lambda setting_id: (),
) -> Backlog:
    """One setting for each entry, of the model that it names; a search that asks for nothing more."""
    spans = [(4 * n, 4 * n + 4) for n in range(slices)]
    settings = {
        f"s{n}": SimpleNamespace(id=f"s{n}", model=Model(model), task="t") for n, model in enumerate(models)
    }
    plan: Any = SimpleNamespace(settings=settings, asked=[], extend=lambda outcomes: [])
    pending = {sid: list(spans) for sid in settings}
    backlog = Backlog(plan, store, 4 * slices, 4, pending, neighbours=neighbours)
    backlog._ask = lambda: setattr(backlog, "over", True)  # type: ignore[method-assign]
    return backlog


@given(
    models=st.lists(st.sampled_from("ABC"), min_size=1, max_size=12),
    workers=st.integers(1, 4),
    data=st.data(),
)
def test_a_worker_loads_a_model_once_and_every_setting_is_evaluated(
    models: list[str], workers: int, data: st.DataObject
) -> None:
    backlog = backlog_of(models)
    loads: dict[int, list[str]] = {worker: [] for worker in range(workers)}
    busy: dict[int, Assignment] = {}
    done: list[tuple[str, Span]] = []
    while not backlog.over:
        for worker in loads.keys() - busy.keys():
            loaded: Any = loads[worker][-1] if loads[worker] else None
            if assignment := backlog.take(loaded, workers):
                model: Any = assignment.setting.model
                if model != loaded:
                    loads[worker].append(model)
                busy[worker] = assignment
        if busy:
            worker = data.draw(st.sampled_from(sorted(busy)))
            finished = busy.pop(worker)
            done += [(finished.setting.id, span) for span in finished.slices]
            backlog.finished(finished)
    assert sorted(done) == sorted((f"s{n}", span) for n in range(len(models)) for span in SPANS)
    assert all(len(own) == len(set(own)) for own in loads.values())


@given(
    rounds=st.lists(st.lists(st.sampled_from("ABC"), min_size=1, max_size=8), min_size=1, max_size=4),
    workers=st.integers(1, 4),
    data=st.data(),
)
def test_a_worker_keeps_its_model_from_round_to_round_of_a_search_as_long_as_it_is_asked_for(
    rounds: list[list[str]], workers: int, data: st.DataObject
) -> None:
    backlog = backlog_of([model for models in rounds for model in models], slices=1)
    waiting = [(f"s{n}", model) for n, model in enumerate(model for models in rounds for model in models)]
    backlog._waiting.clear()
    left: dict[str, str] = {}  # what was asked for and not handed out yet, with its model

    def ask() -> None:
        for _ in rounds.pop(0) if rounds else ():
            sid, model = waiting.pop(0)
            backlog._waiting[sid], left[sid] = [SPANS[0]], model
        backlog.over = not left

    backlog._ask = ask  # type: ignore[method-assign]
    loaded: dict[int, Any] = {}
    busy: dict[int, Assignment] = {}
    while not backlog.over:
        for worker in [one for one in range(workers) if one not in busy]:
            if assignment := backlog.take(loaded.get(worker), workers):
                model: Any = left.pop(assignment.setting.id)
                assert model == loaded.get(worker) or loaded.get(worker) not in left.values()
                loaded[worker], busy[worker] = model, assignment
        if busy:
            backlog.finished(busy.pop(data.draw(st.sampled_from(sorted(busy)))))
    assert not waiting and not left


@given(
    settings=st.integers(1, 5),
    slices=st.integers(1, 60),
    starts=st.lists(st.integers(0, 9), min_size=1, max_size=8),
)
def test_workers_that_come_at_any_time_finish_within_a_slice_of_each_other(
    settings: int, slices: int, starts: list[int]
) -> None:
    backlog = backlog_of(["A"] * settings, slices=slices)
    free = [(start, worker) for worker, start in enumerate(starts)]  # when who has nothing to do
    heapq.heapify(free)
    busy: dict[int, Assignment] = {}
    ends: dict[int, int] = {}
    while not backlog.over:
        now, worker = heapq.heappop(free)
        if worker in busy:
            backlog.finished(busy.pop(worker))
        if assignment := backlog.take("A", len(starts)):  # type: ignore[arg-type]
            busy[worker], ends[worker] = assignment, now + len(assignment.slices)
            heapq.heappush(free, (ends[worker], worker))
        elif busy:
            heapq.heappush(free, (min(ends[other] for other in busy), len(starts) + worker))
    assert max(ends.values()) - min(ends.values()) <= 1


def test_one_worker_gets_settings_whole() -> None:
    backlog = backlog_of(["A"] * 3, slices=9)
    sizes = []
    while assignment := backlog.take():
        sizes.append(len(assignment.slices))
    assert sizes == [9, 9, 9]


def test_one_setting_is_shared_by_all_workers() -> None:
    backlog = backlog_of(["A"], slices=160)
    taken = [backlog.take(workers=8) for _ in range(8)]
    assert [len(assignment.slices) for assignment in taken if assignment] == [20, 18, 16, 14, 12, 10, 9, 8]
    assert backlog.taken == 8


def test_a_setting_that_fails_in_one_part_is_not_handed_out_any_more() -> None:
    backlog = backlog_of(["A"], slices=8)
    first, second = backlog.take(workers=2), backlog.take(workers=2)
    assert first and second
    backlog.failed(first, "no memory")
    assert backlog.take(workers=2) is None and not backlog.over
    backlog.finished(second)
    assert backlog.take(workers=2) is None and backlog.over
    assert backlog.failures == {"s0": "no memory"}


def test_as_many_workers_as_models_share_the_models_out() -> None:
    backlog = backlog_of(list("AAAABBBB"))
    first = [backlog.take(), backlog.take()]
    assert [assignment and assignment.setting.model for assignment in first] == ["A", "B"]
    loaded = set()
    held: Any = first[0]
    while held and held.setting.model == "A":
        loaded.add(held.setting.id)
        backlog.finished(held)
        held = backlog.take(held.setting.model)
    assert loaded >= {"s0", "s1", "s2", "s3"}, "the worker with A takes all of A before any of B"


def test_what_a_lost_worker_left_comes_last_and_what_it_stored_is_counted(tmp_path: Path) -> None:
    from pipeline.storage.record import Record

    store = Store(str(tmp_path))
    backlog = backlog_of(["A", "A"], store)
    taken = backlog.take()
    assert taken
    store.write_slice("s0", 0, 4, [Record("s0", "t", f"e{n}", n, nfe=2, score=1.0) for n in range(4)])
    assert backlog.lost(taken, "killed") == Totals(4, 4, 4.0, 8.0)
    assert backlog.taken == 0
    order = []
    while assignment := backlog.take():
        order.append((str(assignment), assignment.slices))
    assert order == [("s1", tuple(SPANS)), ("s0", ((4, 8),))]


def test_what_is_still_taken_when_all_workers_are_gone_is_reclaimed(tmp_path: Path) -> None:
    backlog = backlog_of(["A", "A"], Store(str(tmp_path)))
    first, second = backlog.take(), backlog.take()
    assert first and second and backlog.take() is None
    backlog.reclaim("Ray Tune ended without it")
    again = [str(assignment) for assignment in (backlog.take(), backlog.take())]
    assert again == [str(first), str(second)] and not backlog.over


def test_what_was_given_up_is_not_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backlog, tried = backlog_of(["A"], Store(str(tmp_path)), slices=1), list[dict[str, int]]()
    del backlog._ask

    def nothing(*words: Any) -> tuple[None, dict[str, list[Span]]]:
        tried.append(dict(words[-1]))
        return None, {}

    monkeypatch.setattr(module, "advance", nothing)
    for _ in range(TRIES):
        taken = backlog.take()
        assert taken
        backlog.lost(taken, "killed")
    assert backlog.take() is None and backlog.over and tried == [{"s0": 4}]


def test_what_a_worker_is_able_to_begin_is_asked_of_few() -> None:
    """Of 100,000 settings that wait, all would be asked of each time that a worker is free."""
    backlog, asked = backlog_of(["A"] * 500), list[str]()

    def able(setting: Any) -> bool:
        asked.append(setting.id)
        return True

    while assignment := backlog.take("A", able=able):  # type: ignore[arg-type]
        backlog.finished(assignment)
    assert len(set(asked)) == 500 and len(asked) <= 2 * 500 + FEW_WAITING * (FEW_LINES + 1)


@given(
    lines=st.lists(st.integers(1, 5), min_size=1, max_size=7),
    workers=st.integers(1, 4),
    seconds=st.lists(st.integers(2, 4), min_size=35, max_size=35),
)
def test_neighbours_are_decoded_by_turns_as_long_as_another_line_can_be(
    lines: list[int], workers: int, seconds: list[int]
) -> None:
    """And the longest line first, so that none is left alone as far as that can be helped."""
    names = [[f"s{sum(lines[:line]) + n}" for n in range(count)] for line, count in enumerate(lines)]
    near = {sid: tuple(other for other in own if other != sid) for own in names for sid in own}
    backlog = backlog_of(["A"] * sum(lines), slices=1, neighbours=near.__getitem__)
    line_of = {sid: line for line, own in enumerate(names) for sid in own}
    left, busy, now = Counter(line_of.values()), dict[int, tuple[int, Assignment]](), 0
    while not backlog.over:
        for worker in set(range(workers)) - set(busy):
            decoding = {line_of[one.setting.id] for _, one in busy.values()}
            if assignment := backlog.take("A", workers):  # type: ignore[arg-type]
                sid = assignment.setting.id
                free = {line: count for line, count in left.items() if count and line not in decoding}
                if free and (workers == 1 or len(free) > FEW_LINES * workers):
                    assert line_of[sid] == min(free)
                elif free:
                    assert left[line_of[sid]] == max(free.values()) and line_of[sid] in free
                left[line_of[sid]] -= 1
                busy[worker] = now + seconds[int(sid[1:])], assignment
        if busy:
            worker = min(busy, key=lambda one: busy[one][0])
            now, done = busy.pop(worker)
            backlog.finished(done)
    assert not any(left.values())
