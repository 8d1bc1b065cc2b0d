"""The plan stays open: a search that was interrupted anywhere and resumed from the store equals one that was not."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread, current_thread
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pipeline.errors import ConfigError
from pipeline.evaluation import evaluate
from pipeline.inputs.config import Config
from pipeline.jobs.display import Display
from pipeline.planning.assignment import Assignment
from pipeline.planning.backlog import Backlog, advance
from pipeline.planning.plan import Plan
from pipeline.planning.setting import Setting
from pipeline.search import ASK_ONCE, SEARCHES, Candidate, Outcome, Space
from pipeline.storage.store import Contents, Store, StoreFull
from pipeline.workers import capacity
from pipeline.workers import execute as execute_module
from pipeline.workers.execute import execute, execute_here
from tests.pipeline.conftest import ROOT, Judge, planned
from tests.pipeline.toy_search import BISECT, World, bisect, left_behind

Make = Callable[..., Config]


@pytest.fixture
def config(make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setitem(SEARCHES, "bisect", bisect)
    return make_config("task.name=judge", "sweep.search=bisect", BISECT, "limit=10", "slice_size=5")


def display(plan: Plan) -> Display:
    return Display(Console(file=io.StringIO()), "title", plan.settings, 10, {})


def begun(
    config: Config, store: Store, asked: Callable[[Contents], None] = lambda _: None
) -> tuple[Plan, Backlog]:
    """A command's plan and backlog: what is asked for, replayed from the store."""
    plan = planned(config)
    _, pending = advance(plan, store, config.limit, config.slice_size)
    return plan, Backlog(plan, store, config.limit, config.slice_size, pending, asked)


def command(config: Config, store: Store, world: World) -> Plan:
    """A whole command in this process."""
    plan, backlog = begun(config, store)
    execute_here(backlog, world, store, config.limit, display(plan))  # type: ignore[arg-type]
    assert backlog.over and not backlog.taken
    return plan


def stopping_after(count: int) -> World:
    left = iter(range(count))

    def before(setting: Setting, start: int) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    return World(before)


def failing(threshold: float, start: int) -> World:
    def before(setting: Setting, at: int) -> None:
        if (setting.knobs["decoder.threshold"], at) == (threshold, start):
            raise ValueError("no\nmore")

    return World(before)


@pytest.fixture
def whole(config: Config, tmp_path: Path) -> dict[str, Any]:
    store = Store(str(tmp_path / "whole"))
    found = left_behind(command(config, store, World()), store, config.limit)
    assert len(found["settings"]) >= 5, "it asks several times"
    assert len(found["records"]) == len(found["settings"]) * config.limit
    return found


@pytest.mark.slow
def test_a_search_stopped_after_any_slice_and_resumed_equals_an_uninterrupted_one(
    config: Config, whole: dict[str, Any], tmp_path: Path
) -> None:
    for count in range(len(whole["settings"]) * 2):
        store = Store(str(tmp_path / str(count)))
        with pytest.raises(KeyboardInterrupt):
            command(config, store, stopping_after(count))
        assert len(list((tmp_path / str(count)).glob("slices/*/*"))) == count
        assert left_behind(command(config, store, World()), store, config.limit) == whole


@pytest.mark.slow
def test_a_search_stopped_after_every_slice_equals_an_uninterrupted_one(
    config: Config, whole: dict[str, Any], tmp_path: Path
) -> None:
    store = Store(str(tmp_path / "drop by drop"))
    for _ in range(len(whole["settings"]) * 2 - 1):
        with pytest.raises(KeyboardInterrupt):
            command(config, store, stopping_after(1))
    assert left_behind(command(config, store, stopping_after(1)), store, config.limit) == whole
    assert left_behind(command(config, store, stopping_after(0)), store, config.limit) == whole


def worked_off(
    backlog: Backlog, workers: int, store: Store, choose: Callable[[int], int], lose: Callable[[], bool]
) -> None:
    """Workers of which now this one, now that one finishes a slice, or is lost before that or after it."""
    busy: list[tuple[Assignment, Iterator[Any]]] = []
    while True:
        while len(busy) < workers and (assignment := backlog.take(workers=workers)):
            busy.append((assignment, assignment.evaluated(World(), store, 10)))  # type: ignore[arg-type]
        if not busy:
            return
        at = choose(len(busy))
        assignment, slices = busy[at]
        if lose():
            backlog.lost(assignment, "killed")
        elif next(slices, None) is None:
            backlog.finished(assignment)
        elif lose():
            backlog.lost(assignment, "killed when all was stored")
        else:
            continue
        del busy[at]


@pytest.mark.slow
def test_neither_workers_nor_their_order_nor_a_loss_changes_what_a_search_asks_for(
    config: Config, whole: dict[str, Any]
) -> None:
    @settings(max_examples=15, deadline=None)  # of a third of a second each
    @given(workers=st.integers(1, 4), losses=st.integers(0, 2), data=st.data())
    def law(workers: int, losses: int, data: st.DataObject) -> None:
        left = iter(range(losses))

        def lose() -> bool:
            return data.draw(st.booleans()) and next(left, None) is not None

        with TemporaryDirectory() as folder:
            plan, backlog = begun(config, Store(folder))
            worked_off(backlog, workers, Store(folder), lambda n: data.draw(st.integers(0, n - 1)), lose)
            assert backlog.over and backlog.taken == 0
            if not backlog.failures:
                assert left_behind(plan, Store(folder), config.limit) == whole
            else:  # one slice was lost twice, the other not even once: only that one may be missing
                assert losses == 2 and len(backlog.failures) == 1

    law()


def test_a_setting_that_fails_counts_with_what_it_has_and_the_search_goes_on(
    config: Config, tmp_path: Path
) -> None:
    store = Store(str(tmp_path))
    plan, backlog = begun(config, store)
    execute_here(backlog, failing(0.5, 5), store, config.limit, display(plan))  # type: ignore[arg-type]
    [(failed, line)] = backlog.failures.items()
    assert line == "ValueError: no" and plan.settings[failed].knobs == {"decoder.threshold": 0.5}
    assert len(plan.settings) >= 5 and backlog.over
    assert len(store.load([failed], 10).records) == 5
    again, backlog = begun(config, store)
    assert list(again.settings) == list(plan.settings)[:3], (
        "what failed is tried again before more is asked for"
    )
    execute_here(backlog, failing(0.5, 5), store, config.limit, display(again))  # type: ignore[arg-type]
    assert left_behind(again, store, 10) == left_behind(plan, store, 10)


def test_a_search_that_only_asks_for_what_it_has_is_done(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stubborn(space: Space, outcomes: list[Outcome]) -> list[Candidate]:
        return [Candidate("g", {"decoder.threshold": 0.5})]

    monkeypatch.setitem(SEARCHES, "bisect", stubborn)  # type: ignore[arg-type]
    assert len(command(config, Store(str(tmp_path)), World()).settings) == 1


def test_a_search_goes_on_after_it_asked_for_settings_that_are_there_as_another_groups(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(space: Space, outcomes: list[Outcome]) -> list[Candidate]:
        asked = [("g", 0.5), ("other", 0.5), ("other", 0.7)]
        return [Candidate(group, {"decoder.threshold": value}) for group, value in asked[len(outcomes) :][:1]]

    monkeypatch.setitem(SEARCHES, "bisect", twice)  # type: ignore[arg-type]
    plan = command(config, Store(str(tmp_path)), World())
    assert [(own.group, own.knobs["decoder.threshold"]) for own, _ in plan.asked] == [
        ("g", 0.5),
        ("other", 0.5),
        ("other", 0.7),
    ]
    assert len(plan.settings) == 2


def test_a_fault_in_what_a_search_asks_for_later_is_told_as_wrong_input(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slip(space: Space, outcomes: list[Outcome]) -> list[Candidate]:
        return [Candidate("g", {"decoder.threshold": 2.0 if outcomes else 0.5})]

    monkeypatch.setitem(SEARCHES, "bisect", slip)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^sweep\.groups\.g: decoder\.threshold=2\.0: must lie in"):
        command(config, Store(str(tmp_path)), World())


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> World:
    """A toy world in which searches run in this process, too."""
    world = World()
    monkeypatch.setattr(evaluate, "Evaluator", lambda *_, **__: world)
    monkeypatch.setattr(execute_module, "ASK_ONCE", [*ASK_ONCE, "bisect"])
    return world


def test_whoever_keeps_the_plan_is_told_whenever_it_has_grown(
    config: Config, whole: dict[str, Any], here: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_one(space: Space, outcomes: list[Outcome]) -> Any:
        return bisect(space, outcomes) if outcomes else [Candidate("g", {"decoder.threshold": 0.0})]

    monkeypatch.setitem(SEARCHES, "bisect", from_one)  # type: ignore[arg-type]
    store, plan, sizes = Store(str(tmp_path)), planned(config), []
    _, pending = advance(plan, store, 10, 5)
    backlog = execute(config, plan, store, pending, display(plan), lambda: sizes.append(len(plan.settings)))
    assert backlog.failures == {} and backlog.left_out is None
    assert sizes == list(range(2, len(plan.settings) + 1)) and len(sizes) >= 3
    filed = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("settings/*.json")}
    assert filed == {sid: setting.identity for sid, setting in plan.settings.items() if sid in filed}
    assert set(plan.settings) - set(filed) == set(list(plan.settings)[:1]), "the command has filed the first"


def test_a_store_that_takes_no_more_settings_ends_it_with_a_line(
    config: Config, here: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SEARCHES, "bisect", lambda space, outcomes: bisect(space, outcomes)[:1])
    store, plan = Store(str(tmp_path)), planned(config)
    (tmp_path / "settings").write_text("a file where the folder should be")
    _, pending = advance(plan, store, 10, 5)
    with pytest.raises(
        StoreFull, match=r"^store=.*: can't be written \(.*\); choose another with store=\.\.\.$"
    ):
        execute(config, plan, store, pending, display(plan))


def test_what_a_report_takes_is_imported_while_ray_is_awaited(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, imported = Event(), []
    plan, store = planned(config), Store(str(tmp_path))
    sweep = SimpleNamespace(run_sweep=lambda *_: imported.append(begun.wait(10)))
    monkeypatch.setitem(sys.modules, "pipeline.workers.sweep", sweep)
    monkeypatch.setattr(execute_module, "import_report", lambda _: begun.set())
    execute(config, plan, store, {}, display(plan))
    assert imported == [True]


def test_a_command_that_ends_early_waits_for_the_import(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.11 ends a daemon's thread amid the import of matplotlib's C++, which aborts: exit code 134, not 2."""
    importing: list[Thread] = []

    def refused(*_: Any) -> None:
        raise ConfigError(["no machine has that many GPUs"])

    plan, store = planned(config), Store(str(tmp_path))
    monkeypatch.setitem(sys.modules, "pipeline.workers.sweep", SimpleNamespace(run_sweep=refused))
    monkeypatch.setattr(execute_module, "import_report", lambda _: importing.append(current_thread()))
    with pytest.raises(ConfigError):
        execute(config, plan, store, {}, display(plan))
    for thread in threading.enumerate():
        if thread.name == "report":
            thread.join(10)
    assert [thread.daemon for thread in importing] == [False]


@pytest.mark.slow
def test_nothing_heavy_is_left_to_import_once_a_report_is_drawn() -> None:
    program = """
import sys
from pipeline.inputs.config import WandbSettings
from pipeline.jobs.report_job import import_report
import_report(WandbSettings("off", "axon"))
print("wandb" in sys.modules)
import_report(WandbSettings("offline", "axon"))
print({"matplotlib.figure", "scipy.special", "wandb.sdk.launch"} - set(sys.modules))
import matplotlib.artist, matplotlib.lines
print("linewidth" in matplotlib.artist.kwdoc(matplotlib.lines.Line2D))
class Later(matplotlib.lines.Line2D): ...
print("markevery" in Later.set.__doc__, "markevery" in matplotlib.artist.Artist.set.__doc__)
from scipy._lib._docscrape import NumpyDocString
print(NumpyDocString("What it does.")["Summary"])
import numpy
print("numpy.f2py" in sys.modules, "f2py" in numpy.__all__, "f2py" in dir(numpy), numpy.f2py.__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    expected = ["False", "set()", "True", "True False", "['What it does.']"]
    expected += ["False True True numpy.f2py"]
    assert done.stdout.splitlines() == expected, done.stderr


@pytest.mark.parametrize(
    ("words", "gpus", "here"),
    [
        (["limit=33"], 0, True),
        (["limit=33"], 1, True),
        (["limit=33"], 8, False),
        (["limit=32"], 8, True),  # one slice, which no two workers can share
        (["limit=33", "cluster.workers=1"], 8, True),
        (["limit=33", "cluster.gpus_per_worker=0"], 8, True),
        (["limit=33", "cluster.gpus_per_worker=0.5"], 1, False),
        (["limit=33", "model.gpus=8"], 8, True),
        (["limit=33", "cluster.address=auto"], 0, False),
        (["limit=32", "cluster.address=auto"], 0, True),
    ],
)
def test_one_setting_is_shared_where_there_is_who_shares_it(
    words: list[str], gpus: int, here: bool, make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipe of 1,319 examples on a machine with eight GPUs used one of them; on a head without one its cores."""
    monkeypatch.setattr(capacity, "has_gpu", lambda: gpus > 0)
    monkeypatch.setattr(capacity, "gpu_count", lambda: gpus)
    monkeypatch.setattr(capacity.os, "cpu_count", lambda: 16)
    config = make_config("task.name=arith", "slice_size=32", *words)
    assert execute_module.runs_here(config, planned(config)) is here
