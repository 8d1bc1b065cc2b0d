"""The display: calm lines with true numbers."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from pipeline.inputs.config import ModelSettings
from pipeline.jobs import display as display_module
from pipeline.jobs.display import Display, clock, thinned
from pipeline.storage.totals import Totals
from pipeline.tasks import TaskSettings
from tests.report.sweep import changed, make_setting


def setting(name: str, task: str = "arith", model: str = "tiny") -> Any:
    class Named(SimpleNamespace):
        def __str__(self) -> str:
            return name

    settings = TaskSettings(task, "test", 0)
    return Named(
        task=settings,
        model=ModelSettings(model, None, "float32", "sdpa", "cpu", "raw"),
        model_name=model,
        group="group",
        identity={},
        foreign=False,
        seed=0,
    )


SETTINGS: Any = {"a": setting("base threshold=0.3"), "b": setting("AXON anchors=2")}


def of(setting_id: str) -> Any:
    return SimpleNamespace(key=(setting_id, (0, 4)))


def totals(examples: int, score: float, nfe: float) -> Totals:
    return Totals(examples, examples, score, nfe)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    time = [0.0]
    monkeypatch.setattr(display_module, "monotonic", lambda: time[0])
    return time


def plain(display: Display) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(display)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


@pytest.fixture
def on_a_terminal() -> Callable[..., Display]:
    def make(settings: Any = SETTINGS, limit: int = 10) -> Display:
        console = Console(file=io.StringIO(), force_terminal=True, width=100)
        return Display(console, "title", settings, limit, {})

    return make


def test_without_a_terminal_a_line_comes_now_and_then(now: list[float]) -> None:
    shown = io.StringIO()
    stored = {"a": totals(10, 5.0, 40.0)}
    with Display(Console(file=shown, width=200), "title", SETTINGS, 20, stored) as display:
        for done in range(5, 25, 5):
            now[0] += 4
            display.evaluated(of("b"), totals(done, 2.0, 10.0))
        now[0] += 9
        display.evaluated(of("a"), totals(20, 10.0, 80.0))
    assert shown.getvalue().splitlines() == [
        "0/2 settings · 25/40 examples · 1.2 examples/s · 0:12 left",
        "2/2 settings · 40/40 examples · 0:25",
    ]


def test_while_a_search_may_ask_for_more_the_time_told_is_for_what_it_has_asked_for(now: list[float]) -> None:
    shown = io.StringIO()
    with Display(Console(file=shown, width=200), "title", {}, 20, {}) as display:
        display.asked({"a": SETTINGS["a"]}, {}, more=True)
        for done in (5, 10, 20):
            now[0] += 10
            display.evaluated(of("a"), totals(done, 2.0, 10.0))
        display.asked(SETTINGS, {"a": totals(20, 2.0, 10.0), "b": totals(15, 2.0, 10.0)}, more=True)
        now[0] += 10
        display.evaluated(of("b"), totals(20, 2.0, 10.0))
        display.asked(SETTINGS, {"a": totals(20, 2.0, 10.0), "b": totals(20, 2.0, 10.0)})
    assert shown.getvalue().splitlines() == [
        "0/1 settings so far · 5/20 examples",
        "0/1 settings so far · 10/20 examples · 0.5 examples/s · 0:20 for these",
        "1/1 settings so far · 20/20 examples · 0.8 examples/s",
        "2/2 settings so far · 40/40 examples · 1.2 examples/s",
        "2/2 settings · 40/40 examples · 0:40",
    ]


def test_a_setting_whose_task_is_smaller_than_the_limit_is_done_earlier(
    on_a_terminal: Callable[..., Display], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"arith": 100, "small": 4}
    monkeypatch.setattr(display_module, "reachable", lambda one, limit: min(limit, sizes[one.task.name]))
    display = on_a_terminal({"a": setting("first"), "b": setting("second", task="small")})
    display.evaluated(of("b"), totals(4, 2.0, 8.0))
    assert "1/2 settings · 4/14 examples" in plain(display)


def test_on_a_terminal_the_best_front_is_shown(on_a_terminal: Callable[..., Display]) -> None:
    display = on_a_terminal()
    assert "best so far: no setting is done yet" in plain(display)
    display.evaluated(of("a"), Totals(10, 0, 0.0, 0.0))
    assert "best so far: no setting is done yet" in plain(display), "none of its examples is scored"
    display.evaluated(of("a"), totals(10, 5.0, 40.0))
    display.evaluated(of("b"), totals(5, 5.0, 10.0))
    display.failed("b")
    shown = plain(display)
    assert "1/2 settings · 15/20 examples · 1 failed" in shown
    assert "base threshold=0.3" in shown and "4.0" in shown and "50.0 %" in shown
    assert "AXON" not in shown, "an unfinished setting is no evidence yet"


@pytest.mark.parametrize("other", [{"task": "lists"}, {"model": "large"}])
def test_settings_of_two_tasks_or_models_are_not_held_against_each_other(
    on_a_terminal: Callable[..., Display], other: dict[str, str]
) -> None:
    display = on_a_terminal({"a": setting("slow"), "b": setting("better", **other), "c": setting("worse")})
    display.evaluated(of("a"), totals(10, 9.0, 90.0))
    display.evaluated(of("c"), totals(10, 5.0, 90.0))
    assert "worse" not in plain(display), "dominated"
    display.evaluated(of("b"), totals(10, 10.0, 10.0))
    shown = plain(display)
    assert "best so far · arith · tiny" in shown
    assert f"best so far · {other.get('task', 'arith')} · {other.get('model', 'tiny')}" in shown
    assert "slow" in shown and "better" in shown and "worse" not in shown


def test_what_has_failed_is_loading_nothing() -> None:
    shown = io.StringIO()
    with Display(Console(file=shown), "t", {"a": SETTINGS["a"]}, 2, {}) as display:
        display.started()
        display.failed("a")
    assert shown.getvalue().splitlines()[-1] == "0/1 settings · 0/2 examples · 1 failed"


def test_what_a_failed_slice_had_decoded_does_not_count() -> None:
    shown = io.StringIO()
    with Display(Console(file=shown, width=200), "title", {"a": SETTINGS["a"]}, 2, {}) as display:
        display.example()
        display.example()
        display.failed("a")
    assert shown.getvalue().splitlines() == ["0/1 settings · 0/2 examples · 1 failed"]


def test_what_is_decoded_in_other_slices_still_counts_when_one_is_stored(
    on_a_terminal: Callable[..., Display],
) -> None:
    display = on_a_terminal({"a": SETTINGS["a"]})
    for _ in range(5):
        display.example()
    display.evaluated(of("a"), totals(2, 1.0, 9.0))
    assert "5/10 examples" in plain(display)
    display.evaluated(of("a"), totals(7, 1.0, 9.0))
    assert "7/10 examples" in plain(display)
    display.example()
    display.example()
    display.evaluated(of("a"), totals(8, 1.0, 9.0))
    assert "9/10 examples" in plain(display)


def test_what_a_lost_worker_has_stored_counts_beside_what_another_one_does(
    on_a_terminal: Callable[..., Display],
) -> None:
    """Both begin with the same slice, which the first was lost at."""
    display = on_a_terminal({"a": SETTINGS["a"]})
    display.evaluated(of("a"), totals(4, 2.0, 9.0), ended=True)
    display.evaluated(of("a"), totals(3, 2.0, 9.0))
    assert "7/10 examples" in plain(display)


def test_a_stopped_setting_is_told_of_and_on_no_front(on_a_terminal: Callable[..., Display]) -> None:
    display, stored = on_a_terminal(), {"a": totals(10, 5.0, 40.0), "b": totals(4, 4.0, 4.0)}
    display.asked(SETTINGS, stored, stopped={"b": SimpleNamespace(n=4)})  # type: ignore[dict-item]
    shown = plain(display)
    assert "2/2 settings · 14/14 examples · 1 stopped early" in shown
    assert "base threshold=0.3" in shown and "AXON" not in shown


def test_seeds_of_a_setting_are_one_of_the_best_so_far_once_all_are_done(
    on_a_terminal: Callable[..., Display],
) -> None:
    one = changed(make_setting("0", 0.5, None), temperature=0.5)
    settings = {
        str(seed): replace(changed(one, seed=seed, temperature=0.5), knobs={**one.knobs, "seed": seed})
        for seed in (0, 1)
    }
    display = on_a_terminal(settings)
    display.evaluated(of("0"), totals(10, 10.0, 60.0))
    assert "no setting is done yet" in plain(display)
    display.evaluated(of("1"), totals(10, 5.0, 40.0))
    assert "base threshold=0.5 over 2 seeds  5.0  75.0 %" in plain(display)


def test_a_note_is_shown_once_and_a_model_is_loading_until_the_first_result() -> None:
    shown = io.StringIO()
    with Display(Console(file=shown, width=200), "title", SETTINGS, 10, {}) as display:
        display.started()
        for note in ("one", "other", "one"):
            display.note(note)
        display.evaluated(of("a"), totals(2, 1.0, 9.0))
        display.started()
    assert shown.getvalue().splitlines()[:-1] == ["loading the model", "one", "other"]


def test_a_long_front_is_thinned_with_its_ends_kept() -> None:
    assert thinned([1, 2, 3], 6) == [1, 2, 3]
    assert thinned(list(range(20)), 6)[0] == 0 and thinned(list(range(20)), 6)[-1] == 19
    assert len(thinned(list(range(20)), 6)) == 6


def test_times_read_as_a_clock() -> None:
    assert [clock(s) for s in (5, 59.6, 65, 3665)] == ["0:05", "1:00", "1:05", "1:01:05"]
