"""job=plan says where seeds are asked for that change nothing, and hours in a unit that fits."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from pipeline.inputs.config import Config, read_config, to_tree
from pipeline.jobs.plan_job import _hours, plan_job
from pipeline.tasks import TaskSettings
from pipeline.tasks.first import first_examples
from tests.pipeline.conftest import Judge, composing

Make = Callable[..., Config]


def shown(config: Config) -> str:
    console = Console(file=io.StringIO(), width=100)
    assert plan_job(config, composing(config), console) == 0
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_it_says_which_seeds_fall_together(make_config: Make, judge: Judge) -> None:
    grid = {"seed": [0, 1, 2], "decoder.threshold": [0.3, 0.9]}

    def told(*words: str, **grid: Any) -> list[str]:
        tree = to_tree(make_config("task.name=judge", *words))
        config = read_config(tree | {"sweep": {**tree["sweep"], "groups": {"both": {"grid": grid}}}})
        return [line for line in shown(config).splitlines() if line.startswith("seeds")]

    [line] = told("temperature=0", **grid)
    assert line.startswith("seeds      0, 1, 2 fall together in 2 settings: at temperature=0")
    assert not told("temperature=0.5", **grid) and not told("temperature=0", **grid | {"seed": [1]})


def test_prompts_are_made_once_for_all_settings_of_a_model_and_task(
    make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counting(task: TaskSettings, limit: int) -> Any:
        asked.append(task)
        return first_examples(task, limit)

    monkeypatch.setattr("pipeline.jobs.plan_prompts.first_examples", counting)
    tree = to_tree(make_config("task.name=judge"))
    groups = {"all": {"grid": {"decoder.threshold": [0.3, 0.5, 0.9]}}}
    assert "settings   3" in shown(read_config(tree | {"sweep": {**tree["sweep"], "groups": groups}}))
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("hours", "told"), [(0.001, "seconds"), (0.05, "3.0 GPU minutes"), (1234.0, "1,234.0 GPU hours")]
)
def test_hours_of_a_gpu_are_told_in_a_unit_that_fits(hours: float, told: str) -> None:
    assert _hours(hours) == told
