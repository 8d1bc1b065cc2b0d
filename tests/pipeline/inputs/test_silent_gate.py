"""A gate that its budget never asks when it could fire is said before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config
from pipeline.inputs.silent_gate import never_fires
from pipeline.planning.plan import make_setting
from tests.pipeline.conftest import sliced

Make = Callable[..., Config]
STALL = ("axon.gate=progress_stall", "axon.target_nfe=1", "axon.attention_layers=all")
SLOWER = (
    "gen_length=16",
    "block_length=16",
    "decoder.threshold=0.3",
)  # a step reveals less than the one before


@pytest.mark.parametrize("counts", ["steps", "interventions"])
@pytest.mark.parametrize("steps", [1, 3])
def test_it_is_said_exactly_where_axon_takes_no_step(counts: str, steps: int, make_config: Make) -> None:
    words = (f"axon.budget_counts={counts}", f"axon.max_anchor_steps={steps}")
    setting = make_setting(make_config(*STALL, *SLOWER, *words))
    fired = any(record.axon_steps for record in sliced(Evaluator(3), setting, 0, 3))
    assert fired == (not never_fires([setting]))


def test_it_counts_the_settings_with_axon_alone(make_config: Make) -> None:
    silent = make_setting(make_config(*STALL, "axon.budget_counts=steps"))
    base = make_setting(make_config("axon.gate=never", "axon.budget_counts=steps"))
    other = make_setting(make_config("axon.gate=coverage_gap", "axon.budget_counts=steps"))
    [line] = never_fires([silent, base, other])
    assert "never fires in 1 of 2 settings with it; choose axon.budget_counts=interventions" in line
    assert never_fires([base, other]) == []
