"""Ray Tune's side of the open plan: as many trials as there is room for, no more, and results with intervals."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, call

import pytest

from pipeline.planning.backlog import Backlog
from pipeline.storage.record import Record
from pipeline.storage.store import Span, Store, StoreFull
from pipeline.storage.totals import Totals
from tests.pipeline.planning.test_backlog import backlog_of

pytestmark = pytest.mark.slow  # importing Ray takes seconds


MACHINE = "n0"


@pytest.fixture
def room() -> list[int]:
    return [2]


@pytest.fixture
def search(room: list[int]) -> Any:
    return searching(backlog_of(list("AABBB")), room)


def searching(backlog: Backlog, room: list[int]) -> Any:
    import pipeline.workers.sweep  # noqa: F401  # sets what Ray reads first
    from pipeline.workers.aside import Aside, Room
    from pipeline.workers.tune_search import BacklogSearch

    return BacklogSearch(
        backlog, lambda: room[0], Aside(backlog, lambda: Room(room[0], frozenset({MACHINE})))
    )


def done(worker: int, **more: Any) -> dict[str, Any]:
    """The last result of a trial."""
    from pipeline.workers.aside import Place

    return {"done": True, "place": Place(MACHINE, worker, "here"), **more}


def suggested(search: Any, *trials: str) -> list[Any]:
    found = [search.suggest(trial) for trial in trials]
    return [config["setting"] if isinstance(config, dict) else config for config in found]


def test_trials_follow_the_room_as_it_grows_and_shrinks(search: Any, room: list[int]) -> None:
    assert suggested(search, "1", "2", "3") == ["s2", "s0", None], "the model with most settings first"
    room[0] = 3
    assert suggested(search, "3", "4") == ["s3", None]
    room[0] = 1
    search.on_trial_complete("1", done(1))
    assert suggested(search, "4") == [None]
    search.on_trial_complete("2", done(2))
    search.on_trial_complete("3", done(3))
    assert suggested(search, "4", "5") == ["s4", None]


def test_the_last_setting_is_shared_by_all_there_is_room_for(room: list[int]) -> None:
    search = searching(backlog_of(["A"], slices=4), room)
    first, second = search.suggest("1"), search.suggest("2")
    assert (first["assignment"].slices, second["assignment"].slices) == (((0, 4), (4, 8)), ((8, 12),))
    search.on_trial_complete("2", done(2))
    assert search.suggest("2")["assignment"].slices == ((12, 16),)
    search.on_trial_complete("1", done(1))
    assert suggested(search, "3") == [None], "the second is not done"
    search.on_trial_complete("2", done(2))
    assert suggested(search, "3") == [search.FINISHED]


def test_a_free_worker_gets_a_setting_of_its_model(search: Any) -> None:
    suggested(search, "1", "2")
    search.on_trial_complete("2", done(2))
    assert suggested(search, "3") == ["s1"]
    search.on_trial_complete("3", done(3))
    assert suggested(search, "4") == ["s3"], "none is left of its own"


def test_it_waits_for_outcomes_and_finishes_when_the_search_does(room: list[int]) -> None:
    search = searching(backlog_of(["A"], slices=1), room)
    assert suggested(search, "1", "2") == ["s0", None]
    search.on_trial_complete("1", done(1, error="ValueError: no"))
    assert suggested(search, "2") == [search.FINISHED]
    assert search._backlog.failures == {"s0": "ValueError: no"}


def test_a_lost_trial_is_suggested_again_as_a_new_one(room: list[int], tmp_path: Path) -> None:
    from pipeline.workers.sweep import Watch

    backlog = backlog_of(["A"], Store(str(tmp_path)), slices=1)
    search, display, request = searching(backlog, room), MagicMock(), MagicMock()
    watch = Watch(backlog, display, request, search._aside)
    trial = SimpleNamespace(trial_id="1", config=search.suggest("1"), error_file=None)
    search.on_trial_complete("1", error=True)
    watch.on_trial_error(0, [], trial)
    assert display.status.call_args.args == ("a worker was lost; trying again what is missing",)
    assert suggested(search, "2") == ["s0"]
    search.on_trial_complete("2", error=True)
    watch.on_trial_error(0, [], trial)
    assert suggested(search, "3") == [search.FINISHED]
    assert backlog.failures == {"s0": "its worker was lost 2 times at examples 0-3: its worker died"}
    display.failed.assert_called_once_with("s0")


def test_a_free_worker_that_was_dead_already_costs_its_setting_nothing(
    room: list[int], tmp_path: Path
) -> None:
    from pipeline.workers.sweep import Watch

    backlog = backlog_of(["A"] * 5, Store(str(tmp_path)), slices=1)
    room[0] = 3
    search = searching(backlog, room)
    watch = Watch(backlog, MagicMock(), MagicMock(), search._aside)

    def ended(trial: str, config: Any, begun: bool) -> None:
        told = SimpleNamespace(trial_id=trial, config=config, error_file=None)
        if begun:
            watch.on_trial_start(0, [], told)
        search.on_trial_complete(trial, error=True)
        watch.on_trial_error(0, [], told)

    begun = [search.suggest(trial) for trial in "123"]
    for trial in "123":
        search.on_trial_complete(trial, done(int(trial)))
    last = {config["setting"] for config in begun}
    for trial in "456":  # all three have died by now
        config = search.suggest(trial)
        ended(trial, config, begun=False)
    assert not backlog.failures
    for trial in "78":
        config = search.suggest(trial)
        assert config["setting"] not in last
        ended(trial, config, begun=False)
    for trial in "9a":
        ended(trial, search.suggest(trial), begun=True)
    assert len(backlog.failures) == 2, "a worker that is new, or has begun, may have died of it"


def test_free_workers_get_what_was_suggested_for_them_each_its_own() -> None:
    """Tune hands the first free one the trial that is chosen first; the newest of the others takes no part."""
    import pipeline.workers.sweep  # noqa: F401
    from pipeline.workers.tune_search import FreeWorkerScheduler
    from ray.tune.experiment import Trial  # isort: skip

    def trial(name: str, kept: bool) -> Any:
        return SimpleNamespace(trial_id=name, status=Trial.PENDING, config={"kept": kept})

    trials = [trial("new", False), trial("first", True), trial("second", True), trial("newer", False)]
    loop: Any = SimpleNamespace(get_trials=lambda: trials)
    scheduler = FreeWorkerScheduler(MagicMock())
    chosen: Any = [scheduler.choose_trial_to_run(loop) for _ in range(4)]
    assert [each.trial_id for each in chosen] == ["first", "second", "newer", "newer"]
    trials[3].status = Trial.RUNNING
    assert scheduler.choose_trial_to_run(loop) is trials[2]
    trials.clear()
    assert scheduler.choose_trial_to_run(loop) is None


def test_a_free_worker_that_took_a_trial_meant_for_a_new_one_is_free_no_more(search: Any) -> None:
    suggested(search, "1", "2")
    search.on_trial_complete("1", done(1))
    assert search.stays("2", done(1)), "it was faster than the start of a new worker"
    assert search.suggest("3")["kept"] is False


def test_every_free_worker_is_kept_until_the_end_and_the_first_goes_first() -> None:
    import pipeline.workers.sweep  # noqa: F401
    from ray.tune.execution.tune_controller import _ObjectCache  # isort: skip

    free: Any = _ObjectCache(may_keep_one=True)
    assert free.cache_object("key", "first") and free.cache_object("key", "second")
    assert not list(free.flush_cached_objects()) and free.pop_cached_object("key") == "first"
    assert free.cache_object("key", "first")
    assert list(free.flush_cached_objects(force_all=True)) == ["second", "first"]
    assert not free.has_cached_object("key") and not free.num_cached_objects


def test_tune_keeps_no_record_of_its_trials_and_reads_none() -> None:
    import pipeline.workers.sweep  # noqa: F401
    from ray.tune import tune as loops  # isort: skip

    loop: Any = loops.TuneController
    loop.__new__(loop).checkpoint(force=True, wait=True)  # Tune's own takes what __init__ has made
    assert loops.ExperimentAnalysis("nowhere", trials=[]) is None


def test_when_tune_ends_early_what_it_left_is_tried_again(
    room: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import contextmanager

    from pipeline.workers import sweep
    from pipeline.workers.aside import Room

    backlog, runs = backlog_of(["A", "A"], Store(str(tmp_path))), []

    @contextmanager
    def no_ray(*_: Any) -> Any:
        yield SimpleNamespace(room=Room(1, frozenset({MACHINE})), scratch="", check=lambda: None, full=list)

    def run(*_: Any, search_alg: Any, **__: Any) -> None:
        runs.append(suggested(search_alg, "1")[0])
        if len(runs) > 1:  # the first run forgets its trial and ends
            while runs[-1] != search_alg.FINISHED:
                search_alg.on_trial_complete("1", done(1))
                runs.append(suggested(search_alg, "1")[0])

    monkeypatch.setattr(sweep, "ray_for", no_ray)
    monkeypatch.setattr(sweep.tune, "run", run)
    cluster = SimpleNamespace(address="auto", cpus_per_worker=1, gpus_per_worker=0, workers=None)
    config: Any = SimpleNamespace(
        cluster=cluster, limit=8, batch_size=1, sandbox=SimpleNamespace(require="process")
    )
    sweep.run_sweep(backlog, config, str(tmp_path), MagicMock())
    assert runs == ["s0", "s1", "s0", "FINISHED"]


def trial_of(evaluate: Any, store: Any, stop: int = 12) -> Any:
    import pipeline.workers.sweep  # noqa: F401
    from pipeline.planning.assignment import Assignment
    from pipeline.workers.aside import Place
    from pipeline.workers.trial import SliceTrial

    setting: Any = SimpleNamespace(id="s0", task=SimpleNamespace(name="t"))
    trial: Any = SliceTrial.__new__(SliceTrial)

    def slices(setting: Any, spans: Sequence[Span], known: Any) -> Iterator[tuple[Span, Any]]:
        for start, stop in spans:
            yield (start, stop), evaluate(setting, start, stop)

    trial._evaluator, trial._store = SimpleNamespace(slices=slices, prove=lambda sid: None), store
    trial._shared, trial._notes = True, []
    spans = tuple((start, start + 4) for start in range(4, stop, 4))
    trial._worker = SimpleNamespace(limit=stop, launched_on=platform.node(), may_wait=False)
    trial._place = Place(MACHINE, 1, "here")
    trial.config = {"setting": "s0", "assignment": Assignment(setting, spans), "barred": frozenset()}
    trial.reset_config(trial.config)
    return trial


def scored(setting: Any, start: int, stop: int) -> list[Record]:
    return [Record("s0", "t", f"e{n}", n, nfe=4 + n % 2, score=float(n % 4 == 0)) for n in range(start, stop)]


def test_results_are_cumulative_over_the_trials_own_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray import cloudpickle

    monkeypatch.setattr("pipeline.workers.trial.STEP_SECONDS", 0.0)
    store = Store(str(tmp_path))
    store.write_slice("s0", 0, 4, scored(None, 0, 4))
    trial = trial_of(scored, store)
    first, second = trial.step(), trial.step()
    assert (first["totals"].examples, first["done"]) == (4, False)
    assert (second["totals"].examples, second["done"]) == (8, True)
    assert second["totals"] == Totals(8, 8, 2.0, 36.0)
    assert len(cloudpickle.dumps(second)) < 1000


@pytest.mark.parametrize(("way", "slices"), [(0.0, 8), (0.01, 8), (0.0625, 25), (3.0, 40)])
def test_a_step_is_long_against_the_way_to_the_sweep(
    way: float, slices: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slice takes an eighth of a second, and the next step comes so late."""
    clock = [0.0]

    def evaluate(*asked: Any) -> list[Record]:
        clock[0] += 0.125
        return scored(*asked)

    monkeypatch.setattr("pipeline.workers.trial.monotonic", lambda: clock[0])
    trial = trial_of(evaluate, Store(str(tmp_path)), 200)
    assert trial.step()["totals"].examples == 4 * 8
    clock[0] += way
    assert trial.step()["totals"].examples == 4 * (8 + slices)


def test_a_fault_after_some_slices_tells_of_them_too(tmp_path: Path) -> None:
    def fails(setting: Any, start: int, stop: int) -> list[Record]:
        if start == 8:
            raise ValueError("no memory")
        return scored(setting, start, stop)

    from pipeline.workers.aside import Aside, Room
    from pipeline.workers.sweep import Watch

    result = trial_of(fails, Store(str(tmp_path))).step()
    assert (result["totals"].examples, result["error"], result["done"]) == (4, "ValueError: no memory", True)
    display = MagicMock()
    setting: Any = SimpleNamespace(id="s0", model="m", task="t")
    assignment: Any = SimpleNamespace(setting=setting)
    about: Any = SimpleNamespace(trial_id="1", config={"setting": "s0", "assignment": assignment})
    aside = Aside(MagicMock(), lambda: Room(1, frozenset({MACHINE})))
    Watch(MagicMock(), display, MagicMock(), aside).on_trial_result(0, [], about, result)
    assert display.mock_calls == [call.evaluated(assignment, result["totals"]), call.failed("s0")]


def test_a_setting_that_fails_is_a_result_and_not_a_lost_worker(tmp_path: Path) -> None:
    def fails(*_: Any) -> Any:
        raise ValueError("no memory\nand more")

    assert trial_of(fails, Store(str(tmp_path))).step() == {
        "totals": None,
        "error": "ValueError: no memory",
        "notes": [],
        "place": done(1)["place"],
        "done": True,
    }


def test_a_full_store_ends_a_sweep_whose_results_could_not_be_kept(tmp_path: Path) -> None:
    from pipeline.workers.sweep import Watch

    def full(*_: object) -> None:
        raise StoreFull("store=x: nothing can be written; make room")

    store = Store(str(tmp_path))
    store.write_slice = full  # type: ignore[method-assign, assignment]
    trial = trial_of(lambda *_: [], store)
    result = trial.step()
    assert result["done"]
    watch = Watch(MagicMock(), MagicMock(), MagicMock(), MagicMock())
    watch.on_step_begin(0, [])
    watch.on_trial_result(0, [], SimpleNamespace(config={"setting": "s0"}, trial_id="1"), result)
    with pytest.raises(StoreFull, match=r"^store=x: nothing can be written; make room$"):
        watch.on_step_begin(1, [])
