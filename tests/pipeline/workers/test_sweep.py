"""A sweep on Ray: workers that keep their model or end with a fault."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import read_config
from pipeline.jobs.display import Display
from pipeline.planning.backlog import Backlog, advance
from pipeline.planning.plan import Plan
from pipeline.storage.store import Store
from pipeline.workers.execute import execute_here
from tests.pipeline.commands import completed, plan_of
from tests.pipeline.conftest import ROOT, compose_tree, composing
from tests.pipeline.toy_search import left_behind

pytestmark = pytest.mark.slow
TOY = ROOT / "tests/pipeline/toy_command.py"
LIMIT = 8


def words(checkpoint: Path, out: Path, group: str) -> list[str]:
    small = [f"limit={LIMIT}", "slice_size=4", "gen_length=8", "block_length=4", "wandb=off"]
    return [
        "~sweep.groups.setting",
        f"+sweep.groups.g={group}",
        *small,
        f"model.path={checkpoint}",
        f"out={out}",
    ]


def results(file: Path) -> list[tuple[int, str]]:
    """The workers' processes and the settings, a pair for each slice."""
    pairs = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return [(int(pid), sid) for pid, sid in pairs]


def in_this_process(asked: list[str], store: Store) -> dict[str, Any]:
    config = read_config(compose_tree(*asked))
    plan = Plan(config, composing(config))
    _, pending = advance(plan, store, config.limit, config.slice_size)
    backlog = Backlog(plan, store, config.limit, config.slice_size, pending)
    display = Display(Console(file=io.StringIO()), "title", plan.settings, config.limit, {})
    execute_here(backlog, Evaluator(config.batch_size), store, config.limit, display)
    return left_behind(plan, store, config.limit)


def test_a_worker_keeps_its_model(checkpoint: Path, tmp_path: Path) -> None:
    grid = "{model: {dtype: [float32, bfloat16]}, decoder: {threshold: [0.2, 0.4, 0.6, 0.8]}}"
    asked = [*words(checkpoint, tmp_path, f"{{grid: {grid}}}"), "cluster.workers=2"]
    code, shown, errors = completed(asked, TOY, RESULTS=str(tmp_path / "results"))
    assert code == 0 and errors == "", shown + errors
    settings, found = plan_of(asked).settings, results(tmp_path / "results")
    assert len(settings) == 8 and {sid for _, sid in found} == set(settings)
    loaded: dict[int, list[str]] = {}
    for pid, sid in found:
        model, models = settings[sid].model.dtype, loaded.setdefault(pid, [])
        if models[-1:] != [model]:
            models.append(model)
    assert len(loaded) <= 2 and sum(map(len, loaded.values())) <= 3, (
        f"{loaded}: one may help the other in the end"
    )


def test_a_worker_in_which_cuda_has_failed_is_replaced_and_its_setting_tried_again(
    checkpoint: Path, tmp_path: Path
) -> None:
    asked = [
        *words(checkpoint, tmp_path, "{grid: {seed: [1, 2]}, set: {temperature: 0.7}}"),
        "cluster.workers=1",
    ]
    told = {"RESULTS": str(tmp_path / "results"), "DIES": str(tmp_path / "dies")}
    code, shown, errors = completed(asked, TOY, **told)
    assert code == 0 and errors == "", shown + errors
    assert Path(told["DIES"]).exists() and "a worker was lost; trying again what is missing" in shown
    found = results(tmp_path / "results")
    assert len({sid for _, sid in found}) == 2 and len({pid for pid, _ in found}) == 1, (
        "no result is of the one that died"
    )
    assert in_this_process(asked, Store(str(tmp_path / "store"))) == in_this_process(
        asked, Store(str(tmp_path / "whole"))
    )
