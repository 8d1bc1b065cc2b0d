"""job=plan says where seeds are asked for that change nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from rich.console import Console

from pipeline.inputs.config import Config, read_config, to_tree
from pipeline.jobs.plan_job import plan_job
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
