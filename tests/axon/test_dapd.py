"""`dapd`: decodes that are those of the release's loop, step by step, and its rule at the ends of its thresholds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from axon import Confidence, Dapd, DecodeSettings, decode
from axon.counts import COUNTS, RowCounts
from axon.state import StepState
from tests.axon.plain_revising import Block, Changes, Rule
from tests.axon.test_golden import GOLDEN
from tests.axon.test_laws import MIXED
from tests.axon.test_remasking import EACH_FORMAT, OFF, decoded_as_plain, prompts_of
from tests.axon.toy_model import toy_model

LAST = replace(OFF, attention_layers="last 1")
RULES = [
    Dapd(tau_min=0.2, tau_max=0.7),
    Dapd(variant="direct", tau_min=0.3, tau_max=0.6, threshold=0.8),
]


def dapd(decoder: Dapd) -> Rule:
    """The release's: a graph of the masked places, those with the strongest ties first, and what is sure."""

    def rule(block: Block) -> Changes:
        places, attention = sorted(block.open), block.attention
        ties = {
            i: {j: (attention[i][j] + attention[j][i]) / 2 if i != j else 0.0 for j in places} for i in places
        }
        done = 1.0 - block.left
        tau = decoder.tau_min + (decoder.tau_max - decoder.tau_min) * done
        sure = {place for place in places if block.c[place] >= decoder.threshold}
        direct = sure if decoder.variant == "direct" else set()
        chosen: list[int] = []
        for i in sorted(set(places) - direct, key=lambda i: (-sum(ties[i].values()) * block.c[i], i)):
            strongest = max(1e-8, *ties[i].values())
            if all(ties[i][j] / strongest <= tau for j in chosen):
                chosen.append(i)
        added = sure if decoder.variant == "direct" or done >= 0.5 else set()
        return set(chosen) | added, set(), set()

    return rule


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
@pytest.mark.parametrize(("family", "further", "axon"), EACH_FORMAT)
def test_decodes_are_those_of_the_releases_loop(family: str, further: Any, axon: str) -> None:
    """Under AXON the loop is told what AXON chose."""
    rules = [(decoder, dapd(decoder)) for decoder in RULES]
    found = Counter[str]()
    for _, trace in decoded_as_plain(family, further, axon, prompts_of(family)[:1], rules):
        found.update(held=trace.held_back_steps, axon=len(trace.axon_steps))
        found["together"] += len(trace.tokens) - trace.nfe
    assert found["held"] > 15 and found["together"] > 15 and bool(found["axon"]) == (axon != "alone")


@pytest.mark.parametrize("variant", ["staged", "direct"])
def test_what_a_step_reveals_is_what_the_rule_says(variant: Any) -> None:
    """Several rows at once, early and late, of sparse and dense graphs; ties go to the left."""
    generator = torch.Generator().manual_seed(0)
    rows, counted = 100, Counter[str]()
    for length, low, high in [(1, 0.1, 0.5), (5, 0.1, 0.9), (12, 0.3, 0.9), (12, 0.0, 0.2)]:
        decoder = Dapd(variant=variant, tau_min=low, tau_max=high, threshold=0.7)
        masked = torch.rand(rows, length, generator=generator) < torch.rand(rows, 1, generator=generator)
        masked[:, 0] |= ~masked.any(1)
        confidence = torch.rand(rows, length, generator=generator, dtype=torch.float64).round(decimals=1)
        attention = (torch.rand(rows, length, length, generator=generator) ** 3).round(decimals=1)
        revealed = torch.randint(9, (rows,), generator=generator) / 8
        reveal, counts = proposed(decoder, masked, confidence, attention, revealed)
        for row in range(rows):
            block = block_of(masked[row], confidence[row], attention[row], 1 - float(revealed[row]))
            expected = dapd(decoder)(block)[0]
            assert set(reveal[row].nonzero()[:, 0].tolist()) == expected
            assert counts.of_row(row)["held_back"] == len(block.open) - len(expected)
            counted["several"] += 1 < len(expected) < len(block.open)
            counted["one"] += 1 == len(expected) < len(block.open)
            counted["all"] += len(expected) == len(block.open)
    assert min(counted[kind] for kind in ("several", "one", "all")) > 15


def test_the_ends_of_its_thresholds() -> None:
    """No position depends on another by more than its strongest dependence, and all do by more than nothing."""
    plain = DecodeSettings(16, 8, decoder=Confidence(threshold=0.0), axon=LAST)
    apart = decode(toy_model(), MIXED, replace(plain, decoder=Dapd(tau_min=1.0, tau_max=1.0)))
    assert [trace.events for trace in apart] == [trace.events for trace in decode(toy_model(), MIXED, plain)]
    assert not any(trace.held_back for trace in apart)
    tied = decode(toy_model(), MIXED, replace(plain, decoder=Dapd(tau_min=0.0, tau_max=0.0, threshold=1.0)))
    assert {(trace.nfe, trace.held_back_steps) for trace in tied} == {(16, 14)}


def test_a_position_that_an_end_of_text_rule_holds_back_is_no_part_of_it() -> None:
    """Neither of the graph nor of what it holds back, alone in its row least of all."""
    masked = torch.ones(2, 3, dtype=torch.bool)
    confidence = torch.tensor([[0.5, -torch.inf, 0.4], [-torch.inf] * 3], dtype=torch.float64)
    for attention in (torch.zeros(2, 3, 3), torch.ones(2, 3, 3)):
        reveal, counts = proposed(Dapd(), masked, confidence, attention, torch.zeros(2))
        tied = bool(attention.any())
        assert reveal.tolist() == [[True, False, not tied], [False] * 3]
        assert [counts.of_row(row)["held_back"] for row in range(2)] == [tied, 0]


def proposed(
    decoder: Dapd, masked: Tensor, confidence: Tensor, attention: Tensor, revealed: Tensor
) -> tuple[Tensor, RowCounts]:
    """What is revealed, and the rows' counts."""
    counts = RowCounts(torch.zeros(len(masked), len(COUNTS), dtype=torch.long))
    state: Any = SimpleNamespace(
        masked_BK=masked,
        confidence_BK=confidence,
        attention=lambda: attention,
        revealed=revealed.double,
        counts=counts,
        rank=StepState.rank,
    )
    return decoder.propose(state).reveal_BK, counts


def block_of(masked: Tensor, confidence: Tensor, attention: Tensor, left: float) -> Block:
    """The same step for the loop."""
    places = set(masked.nonzero()[:, 0].tolist())
    c, maps = confidence.tolist(), attention.double().tolist()
    return Block(places, set(), c, [], [], maps, [], 0, 0, len(c), left=left)
