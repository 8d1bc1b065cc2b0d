"""`hierarchy`: one step on any state, worked out by walking along the block, and the ends of its thresholds."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from axon import AxonSettings, Confidence, DecodeSettings, Hierarchy, decode
from axon.state import StepState
from tests.axon.toy_model import toy_model

Block = list[tuple[bool, float]]  # of each position, whether it is masked, and its confidence
PROMPTS = [[1, 2, 3], [4, 5, 6, 7, 8, 9], [10], [11, 12, 13, 14]]
ALONE = DecodeSettings(12, 12, axon=AxonSettings(gate="never"))


def step(blocks: list[Block]) -> Any:
    """As much of a step as the rule reads, of blocks of one length."""
    masked_BK = torch.tensor([[masked for masked, _ in block] for block in blocks])
    confidence_BK = torch.tensor([[c for _, c in block] for block in blocks], dtype=torch.float64)
    return SimpleNamespace(masked_BK=masked_BK, confidence_BK=confidence_BK, rank=StepState.rank)


def walked(rule: Hierarchy, block: Block) -> list[bool]:
    """What the rule reveals, from left to right: a run's best is known where the run ends."""
    reveals, best, top = [False] * len(block), None, None
    for place, (masked, c) in enumerate([*block, (False, 0.0)]):
        if masked:
            reveals[place] = c > rule.threshold
            best = place if best is None or c > block[best][1] else best
            top = place if top is None or c > block[top][1] else top
        elif best is not None:
            reveals[best] |= block[best][1] > rule.low_threshold
            best = None
    if top is not None:
        reveals[top] = True
    return reveals


def drawn(random: Random) -> tuple[list[Block], float, float]:
    """Blocks of one length and two thresholds, of few values: confidences and thresholds tie."""
    length = random.randint(1, 12)
    blocks = [
        [(random.random() < 0.7, eighths(random)) for _ in range(length)] for _ in range(random.randint(1, 3))
    ]
    return blocks, eighths(random), eighths(random)


def eighths(random: Random) -> float:
    return random.randint(0, 8) / 8


def test_a_step_reveals_what_a_walk_along_the_block_finds() -> None:
    random, sizes = Random(0), set()
    for _ in range(500):
        blocks, threshold, low_threshold = drawn(random)
        rule = Hierarchy(threshold=threshold, low_threshold=low_threshold)
        expected = [walked(rule, block) for block in blocks]
        assert rule.propose(step(blocks)).reveal_BK.tolist() == expected
        sizes |= {sum(shown) for shown in expected}
    assert sizes >= set(range(8)), "0: a row without masks"


def test_the_threshold_decides_alone_where_it_says_so() -> None:
    """Elsewhere all of its values do the same, and they all say the same of where they decide."""
    random, decided = Random(1), 0
    for _ in range(200):
        blocks, threshold, low_threshold = drawn(random)
        given, thresholds = step(blocks), (threshold, eighths(random))
        asked = [Hierarchy(threshold=one, low_threshold=low_threshold).propose(given) for one in thresholds]
        [by_BK, other_BK] = [one.by_threshold() for one in asked if one.by_threshold]
        assert torch.equal(by_BK, other_BK)
        assert torch.equal(asked[0].reveal_BK & ~by_BK, asked[1].reveal_BK & ~by_BK)
        for one, proposal in zip(thresholds, asked, strict=True):
            assert torch.equal(proposal.reveal_BK & by_BK, by_BK & (given.confidence_BK > one))
        decided += int(by_BK.sum())
    assert decided > 500


@pytest.mark.parametrize("threshold", [0.2, 0.5])
def test_without_its_runs_it_is_the_confidence_decoder(threshold: float) -> None:
    alone = replace(ALONE, decoder=Confidence(threshold=threshold))
    ours = replace(ALONE, decoder=Hierarchy(threshold=threshold, low_threshold=1.0))
    assert decode(toy_model(), PROMPTS, ours) == decode(toy_model(), PROMPTS, alone)


def test_one_of_each_run_is_revealed_where_nothing_else_is() -> None:
    """A block's first step reveals one position, and every later one that of each run that is left."""
    traces = decode(toy_model(), PROMPTS, replace(ALONE, decoder=Hierarchy(threshold=1.0, low_threshold=0.0)))
    for trace in traces:
        left = "m" * 12
        for step_number in range(trace.nfe):
            revealed = [place for place, at in enumerate(trace.revealed_at) if at == step_number]
            assert len(revealed) == len([run for run in left.split(".") if run])
            left = "".join("." if place in revealed else mark for place, mark in enumerate(left))
    assert {trace.nfe for trace in traces} <= set(range(4, 12))
