"""What a worker gets: settings of the model that it has loaded, as long as there are any."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.backlog import Backlog
from pipeline.store import Store
from pipeline.totals import Totals

SPANS = [(0, 4), (4, 8)]


def backlog_of(models: list[str], store: Any = None) -> Backlog:
    """One setting for each entry, of the model that it names; a search that asks for nothing more."""
    settings = {f"s{n}": SimpleNamespace(id=f"s{n}", model=model) for n, model in enumerate(models)}
    plan: Any = SimpleNamespace(settings=settings, asked=[], extend=lambda outcomes: [])
    backlog = Backlog(plan, store, 8, 4, {sid: list(SPANS) for sid in settings})
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
    busy: dict[int, str] = {}
    done: list[str] = []
    while not backlog.over:
        for worker in loads.keys() - busy.keys():
            loaded: Any = loads[worker][-1] if loads[worker] else None
            if assignment := backlog.take(loaded):
                model: Any = assignment.setting.model
                if model != loaded:
                    loads[worker].append(model)
                busy[worker] = assignment.setting.id
        if busy:
            worker = data.draw(st.sampled_from(sorted(busy)))
            done.append(busy.pop(worker))
            backlog.finished(done[-1])
    assert sorted(done) == sorted(f"s{n}" for n in range(len(models)))
    assert all(len(own) == len(set(own)) for own in loads.values())


def test_as_many_workers_as_models_share_the_models_out() -> None:
    backlog = backlog_of(list("AAAABBBB"))
    first = [backlog.take(), backlog.take()]
    assert [assignment and assignment.setting.model for assignment in first] == ["A", "B"]
    held: dict[str, Any] = {"s0": "A", "s4": "B"}
    loaded = set()
    for sid, model in held.items():
        while True:
            backlog.finished(sid)
            assignment = backlog.take(model)
            if assignment is None or assignment.setting.model != model:
                break
            sid = assignment.setting.id
            loaded.add(sid)
        if assignment is not None:
            break
    assert loaded >= {"s1", "s2", "s3"}, "the worker with A takes all of A before any of B"


def test_what_a_lost_worker_left_comes_last_and_what_it_stored_is_counted(tmp_path: Path) -> None:
    from pipeline.record import Record

    store = Store(str(tmp_path))
    backlog = backlog_of(["A", "A"], store)
    backlog.take()
    store.write_slice("s0", 0, 4, [Record("s0", "t", f"e{n}", n, nfe=2, score=1.0) for n in range(4)])
    assert backlog.lost("s0", "killed") == Totals(4, 4, 4.0, 4.0, 8.0, 16.0)
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
