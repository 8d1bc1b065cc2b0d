"""The paper's experiments: what each compares, what it would cost on a real model, and one of them run."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

import launch
from axon.identity import decode_identity
from pipeline.checkpoints.outline import open_outline
from pipeline.inputs.config import read_config
from pipeline.jobs.plan_job import plan_job
from pipeline.planning import regions
from pipeline.planning.plan import Plan
from pipeline.planning.setting import Setting
from pipeline.workers import execute
from tests.pipeline.conftest import ROOT, SWEPT_DECODERS
from tests.pipeline.evaluation.test_every_task import write_rows

pytestmark = pytest.mark.slow

PAPER = sorted(path.stem for path in (ROOT / "conf/experiment").glob("axon_*.yaml"))
VARIED = {  # by an ablation: how many values of what
    "budget": {"axon.policy": 2, "axon.anchors": 4, "axon.max_anchor_steps": 2},
    "layers": {"axon.attention_layers": 6},
    "threshold": {"axon.uncertainty_threshold": 5},
    "gate": {"axon": 6, "axon.alpha": 3, "axon.target_nfe": 2},
    "policy": {"axon.policy": 4, "axon.objective": 2, "axon.combine": 2},
}
Planned = Callable[..., Plan]


@pytest.fixture
def plan_of(monkeypatch: pytest.MonkeyPatch) -> Planned:
    """The plan of a command line, not yet asked for anything."""

    def make(*words: str) -> Plan:
        monkeypatch.setattr(sys, "argv", ["launch.py", *words])
        return Plan(read_config(launch.compose()), launch.compose, open_outline)

    return make


def decoded(setting: Setting, **axon: Any) -> tuple[str, ...]:
    """All that tells two settings of a sweep apart, with other values of AXON."""
    decode = replace(setting.decode, axon=replace(setting.decode.axon, **axon))
    return setting.model.path, setting.task.name, str(decode_identity(decode, 8))


def test_there_are_no_others() -> None:
    assert sorted(["axon_table", *(f"axon_ablation_{name}" for name in VARIED)]) == PAPER


def test_the_table_has_every_decoder_on_tasks_that_differ_in_length(plan_of: Planned) -> None:
    settings = plan_of("+experiment=axon_table").extend(())
    found = {(s.task.name, s.decode.decoder.name, s.uses_axon) for s in settings}
    assert len(found) == len(settings) == 3 * len(SWEPT_DECODERS) * 2
    assert len({s.decode.gen_length for s in settings}) == 3
    assert {decoded(s, gate="never") for s in settings} == {decoded(s) for s in settings if not s.uses_axon}


@pytest.mark.parametrize("name", VARIED)
def test_an_ablation_varies_what_it_names_and_has_the_base_decoder_alone_beside_it(
    name: str, plan_of: Planned
) -> None:
    plan = plan_of(f"+experiment=axon_ablation_{name}")
    settings = plan.extend(())
    assert {decoded(s, gate="never") for s in settings} == {decoded(s) for s in settings if not s.uses_axon}
    found: dict[str, set[Any]] = {}
    for candidate, _ in plan.asked:
        for key, value in candidate.knobs.items():
            if candidate.group == "axon":
                found.setdefault(key, set()).add(value)
    assert {key: len(own) for key, own in found.items()} == {**VARIED[name], "decoder.tau_low": 3}


def test_models_and_tasks_are_named_once_for_both_halves_of_the_table(
    plan_of: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions, "_check_there", lambda *_: None)  # neither models nor rows are here
    grid = "sweep.groups.base.grid"
    models, tasks = "[llada_1_5,dream_v0_base_7b]", "[gsm8k,humaneval]"
    words = [f"+{grid}.model={models}", f"{grid}.task={tasks}", f"{grid}.decoder=[klass,dawn]"]
    plan = plan_of("+experiment=axon_table", *words)
    halves: dict[str, list[tuple[str, ...]]] = {"base": [], "axon": []}
    for region in plan.space:
        halves[region.group].append(tuple(region.fixed[key] for key in ("model", "task", "decoder")))
    assert halves["base"] == halves["axon"]
    assert len(halves["base"]) == len(set(halves["base"])) == 2 * 2 * 2


@pytest.mark.parametrize("name", PAPER)
def test_its_cost_on_a_real_model_is_told_from_the_config_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "tests/axon/configs/llada_8b.json", tmp_path / "config.json")
    words = [f"+experiment={name}", "model=llada_8b_instruct", f"model.path={tmp_path}", "limit=19"]
    if name == "axon_table":  # the models' own tasks are in the grid: none for a user to name beside it
        words += ["sweep.groups.base.grid.task=[arith,lists]"]
    else:
        words += ["decoder=klass", "task=humaneval", *write_rows(tmp_path, "humaneval")]
    monkeypatch.setattr(sys, "argv", ["launch.py", *words, f"out={tmp_path}"])
    console = Console(file=io.StringIO(), width=300)
    assert plan_job(read_config(launch.compose()), launch.compose, console) == 0
    text = console.file.getvalue()  # type: ignore[attr-defined]
    lines = [line for line in text.splitlines() if not line.startswith("reading the sweep: ")]
    assert lines[0].startswith(
        f"{name} · {f'arith, lists · {len(SWEPT_DECODERS)} decoders' if name == 'axon_table' else 'humaneval · klass'}"
    )
    settings = int(text.split("settings   ")[1].split(",")[0])
    assert settings >= 10 and f"{19 * settings:,} examples" in text
    assert "GPU hours on an H100" in text and "GiB weights (8.02 G parameters in bfloat16)" in text


def test_one_of_them_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "runs_here", lambda config, plan: True)  # Ray's part is tested by itself
    words = [
        "+experiment=axon_ablation_threshold",
        "limit=2",
        f"out={tmp_path}",
        "wandb=off",
        "sandbox.require=process",
    ]
    monkeypatch.setattr(sys, "argv", ["launch.py", *words])
    assert launch.main() == 0
    [points] = [pd.read_csv(path) for path in tmp_path.glob("axon_ablation_threshold/*/points.csv")]
    assert set(points["group"]) == {"base", "axon"} and set(points["n"]) == {2}
