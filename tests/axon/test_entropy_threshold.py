"""`entropy_threshold`: one step on any distributions, position by position, and the ends of its threshold."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from axon import AxonSettings, DecodeSettings, EntropyThreshold, FixedSteps, decode
from axon.state import StepState
from tests.axon.toy_model import toy_model

PROMPTS = [[1, 2, 3], [4, 5, 6, 7, 8, 9], [10], [11, 12, 13, 14]]
ALONE = DecodeSettings(12, 12, axon=AxonSettings(gate="never"))
Row = tuple[list[bool], list[list[float]]]  # which positions are masked, and each one's chances of the tokens


def step(rows: list[Row]) -> Any:
    """As much of a step as the rule reads."""
    log_probs_BKV = torch.tensor([chances for _, chances in rows], dtype=torch.float64).log()
    masked_BK = torch.tensor([masked for masked, _ in rows])
    return SimpleNamespace(
        masked_BK=masked_BK,
        log_probs=lambda: log_probs_BKV,
        highest=StepState.highest,
        entropy=StepState.entropy,
    )


def drawn(random: Random, length: int) -> Row:
    """Chances from sharp to flat, some of them none."""
    found = []
    for _ in range(length):
        weights = [random.random() ** random.choice((0.1, 1, 9)) * (random.random() > 0.2) for _ in range(5)]
        weights[random.randrange(5)] += random.choice((0.1, 1, 20))
        found.append([weight / sum(weights) for weight in weights])
    return [random.random() < 0.7 for _ in range(length)], found


def said(threshold: float, row: Row) -> set[int]:
    masked, chances = row
    found, least, best = set(), math.inf, -1
    for place, own in enumerate(chances):
        entropy = sum(-chance * math.log(chance) for chance in own if chance > 0)
        if masked[place]:
            if entropy < threshold:
                found.add(place)
            if entropy < least:
                least, best = entropy, place
    return found | {best} - {-1}


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 1.2, 5.0])
def test_a_step_reveals_what_is_below_and_the_least(threshold: float) -> None:
    random, sizes = Random(threshold), set()
    for _ in range(100):
        length = random.randint(1, 8)
        rows = [drawn(random, length) for _ in range(random.randint(1, 3))]
        reveal_BK = EntropyThreshold(threshold=threshold).propose(step(rows)).reveal_BK
        for row, shown in zip(rows, reveal_BK.tolist(), strict=True):
            assert {place for place in range(length) if shown[place]} == said(threshold, row)
            sizes.add(sum(shown))
    assert {0, 1} <= sizes and (threshold == 0 or len(sizes) > 3), "0: a row without masks"


def test_what_lies_exactly_on_the_threshold_is_not_revealed() -> None:
    """Two certain positions: an entropy of 0 isn't below 0, so that at 0 one position a step is revealed."""
    certain = step([([True, True, True], [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])])
    for threshold, revealed in ((0.0, [0]), (1e-9, [0, 1]), (0.7, [0, 1, 2])):
        reveal_BK = EntropyThreshold(threshold=threshold).propose(certain).reveal_BK
        assert reveal_BK[0].nonzero()[:, 0].tolist() == revealed


@pytest.mark.parametrize("family", ["llada", "dream"])
def test_at_0_it_decodes_one_by_one_in_order_of_least_entropy(family: str) -> None:
    ours = decode(toy_model(family), PROMPTS, replace(ALONE, decoder=EntropyThreshold(threshold=0.0)))
    ranked = replace(ALONE, decoder=FixedSteps(remasking="entropy"))
    assert ours == decode(toy_model(family), PROMPTS, ranked)
    assert [trace.nfe for trace in ours] == [12] * len(PROMPTS)


def test_above_the_entropy_of_any_distribution_all_is_revealed_at_once() -> None:
    traces = decode(
        toy_model(), PROMPTS, replace(ALONE, decoder=EntropyThreshold(threshold=math.log(24) + 1e-6))
    )
    assert [trace.nfe for trace in traces] == [1] * len(PROMPTS)


def test_the_temperature_moves_no_entropy() -> None:
    """As in dParallel's sampler: what is drawn changes, and with it the text, but not the first step's positions."""
    warm = replace(ALONE, decoder=EntropyThreshold(threshold=1.0), temperature=0.7)
    for one, other in zip(
        decode(toy_model(), PROMPTS, replace(warm, temperature=0.0)),
        decode(toy_model(), PROMPTS, warm, seeds=[0, 1, 2, 3]),
        strict=True,
    ):
        assert one.reveals()[0] == other.reveals()[0]
    with pytest.raises(ValueError, match=r"^end_of_text='confidence_eos_eot_inf'"):
        replace(warm, end_of_text="confidence_eos_eot_inf")
