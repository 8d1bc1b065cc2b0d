"""The most passes of a row that a plan tells; beside what decodes take, see test_plan_job.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from axon import AxonSettings, Confidence, Dus, FixedSteps, HierarchyRemasking, Rcr
from axon.models.dream import DREAM
from axon.models.llada import LLADA
from pipeline.checkpoints.cost_estimate import most_passes
from pipeline.inputs.config import Decode


@pytest.mark.parametrize(
    ("decoder", "alone", "delayed", "first_alone"),
    [
        (Rcr(steps=4), 4, 8, 16),  # makes up for what AXON delays, but in a block's last steps
        (Rcr(), 8, 12, 16),
        (HierarchyRemasking(), 8, 24, 16),  # after AXON's steps a block may begin anew
        (Confidence(), 8, 8, 8),
        (FixedSteps(steps=4), 4, 8, 8),  # AXON may delay them
        (Dus(), 4, 8, 8),
        (Dus(base=4), 2, 6, 8),
    ],
)
def test_what_axon_delays_and_what_is_taken_back_is_planned(
    decoder: Any, alone: int, delayed: int, first_alone: int
) -> None:
    axon = AxonSettings(max_anchor_steps=2)
    decode = Decode(gen_length=8, block_length=4, decoder=decoder, axon=axon)
    off = replace(decode, axon=replace(axon, gate="never"))
    assert most_passes(off, 10, LLADA) == alone
    assert most_passes(decode, 10, LLADA) == delayed
    assert most_passes(replace(off, cache="dual"), 10, DREAM) == first_alone
