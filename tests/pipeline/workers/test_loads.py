"""A sweep over several models, tasks and decoders, searched in rounds: how often a worker loads a model."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import launch
from pipeline.evaluation import evaluate
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import ModelSettings, read_config
from pipeline.jobs.display import Display
from pipeline.planning.backlog import Backlog, advance
from pipeline.planning.plan import Plan
from pipeline.search import SEARCHES, Candidate, Outcome, Space
from pipeline.storage.store import Store
from pipeline.workers.execute import execute_here

pytestmark = pytest.mark.slow

MODEL = "defaults: [checkpoint, _self_]\npath: {path}\ndtype: float32\nprompt: raw\n"
SWEEP = """
name: crossed
search: in_rounds
along_trade_off: false
groups:
  mine: {grid: {task: [arith, lists], decoder: [confidence, klass], model: [tiny, random]}}
"""
THRESHOLDS = (0.3, 0.6, 0.9)  # one in each round


def in_rounds(space: Space, outcomes: Sequence[Outcome]) -> list[Candidate]:
    """Everything at one threshold, then at the next: the models alternate."""
    begun = len(outcomes) // len(space)
    return [
        Candidate(region.group, {**region.fixed, "decoder.threshold": threshold})
        for threshold in THRESHOLDS[begun : begun + 1]
        for region in space
    ]


def test_each_round_of_a_search_changes_the_model_once(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "conf"
    for name, text in {"model/random": MODEL.format(path=checkpoint), "sweep/crossed": SWEEP}.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / f"{name}.yaml").write_text(text)
    words = ["sweep=crossed", "limit=2", "axon=off", "gen_length=4", "block_length=4"]
    monkeypatch.setattr(sys, "argv", ["launch.py", f"--config-dir={folder}", *words])
    monkeypatch.setitem(SEARCHES, "in_rounds", in_rounds)
    loads: list[str] = []
    real = evaluate.load

    def load(model: ModelSettings, *rest: Any) -> Any:
        loads.append(Path(model.path).name)
        return real(model, *rest)

    monkeypatch.setattr(evaluate, "load", load)
    config, store = read_config(launch.compose()), Store(str(tmp_path / "store"))
    plan = Plan(config, launch.compose)
    _, pending = advance(plan, store, 2, config.slice_size)
    display = Display(Console(file=io.StringIO()), "title", plan.settings, 2, {})
    backlog = Backlog(plan, store, 2, config.slice_size, pending)
    execute_here(backlog, Evaluator(2), store, 2, display)
    assert len(plan.settings) == 2 * 2 * 2 * len(THRESHOLDS)
    assert loads == ["tiny", checkpoint.name, "tiny", checkpoint.name], "a round begins with the last one's"
