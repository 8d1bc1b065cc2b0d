"""job=plan of a decoder that edits full blocks: what it says of passes holds for what a run takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from axon.decoders import JointThreshold
from axon.models.llada import LLADA
from pipeline.checkpoints.cost_estimate import most_passes
from pipeline.evaluation.evaluate import Evaluator
from tests.pipeline.conftest import Judge, planned, sliced
from tests.pipeline.formats import random_checkpoint
from tests.pipeline.jobs.test_plan_job import Make, shown


@pytest.mark.parametrize("alignment", ["prompt", "absolute"])
def test_a_decoder_that_edits_may_take_more_passes_than_there_are_tokens(
    alignment: Any, make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    folder = random_checkpoint("llada", tmp_path / "llada")
    config = make_config("task.name=judge", f"model.path={folder}", f"block_alignment={alignment}")
    edits = JointThreshold(threshold=1.0, editing_threshold=0.0, max_post_steps=5)
    config = replace(
        config, decode=replace(config.decode, decoder=edits, axon=replace(config.decode.axon, gate="never"))
    )
    [setting] = planned(config).settings.values()
    for record in sliced(Evaluator(3), setting, 0, 3):
        assert record.nfe is not None
        assert len(record.tokens) < record.nfe <= most_passes(setting.decode, record.prompt_tokens, LLADA)
        first = setting.decode.block - (record.prompt_tokens % setting.decode.block) * (
            alignment == "absolute"
        )
        assert record.nfe_to_eos is not None and first < record.nfe_to_eos <= record.nfe
    assert "(at most, with tokens that the decoder takes back)" in shown(config)
