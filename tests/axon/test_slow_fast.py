"""SlowFast Sampling: its cycles written as loops over a block, beside what the decoder proposes step by step."""

from __future__ import annotations

from random import Random
from statistics import mean, pstdev
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from axon import AxonSettings, Confidence, DecodeSettings, FixedSteps, SlowFast, decode
from axon.rows import keep_rows
from axon.state import StepState
from tests.axon.toy_model import toy_model

LENGTH, ROWS, BLOCKS = 16, 3, 24
RULES = [
    SlowFast(),
    SlowFast(threshold=0.7, min_confidence=0.5, exploration_steps=1, window=1),
    SlowFast(threshold=0.8, min_confidence=0.4, exploration_steps=3, window=2, stability=2.0),
    SlowFast(threshold=0.6, min_confidence=0.6, exploration_steps=4, window=3, stability=0.6),
    SlowFast(threshold=1.0, min_confidence=0.7, exploration_steps=2, window=5),
    SlowFast(threshold=0.9, min_confidence=0.9, exploration_steps=2, window=2, stability=0.0),
]


class Block:
    """Masks, and the confidences of each step whatever has been revealed: alike for all that decode it."""

    def __init__(self, seed: int) -> None:
        random = Random(seed)
        self.overruled = Random(-seed) if seed % 3 == 0 else None  # as AXON may do
        self.masked = set(range(LENGTH))
        self.proposed: list[set[int]] = []
        far, noise = random.random() * LENGTH, random.choice([0.05, 0.3])
        self._c = [
            [min(1.0, max(0.0, random.gauss(1.1 - i / (far + 2 + step), noise))) for i in range(LENGTH)]
            for step in range(LENGTH)
        ]

    @property
    def c(self) -> list[float]:
        return self._c[len(self.proposed)]

    def step(self, proposed: set[int]) -> None:
        self.proposed.append(proposed)
        if self.overruled is not None and self.overruled.random() < 0.3:
            proposed = {self.overruled.choice(sorted(self.masked))}
        self.masked -= proposed


def reference(rule: SlowFast, block: Block) -> set[str]:
    """Decodes it; says what has happened."""
    met: set[str] = set()

    def step(among: set[int]) -> None:
        sure = {i for i in among if block.c[i] >= rule.threshold}
        block.step(sure | {max(among, key=lambda i: (block.c[i], -i))})

    start = 0
    while block.masked:
        ends: list[int] = []
        end: int | None = None
        for _ in range(rule.exploration_steps):
            if not block.masked:
                return met
            if end is None:
                trusted = [i for i in block.masked if block.c[i] >= rule.min_confidence]
                ends.append(max(trusted) + 1 if trusted else start + 1)
                met.add("trusted" if trusted else "not trusted")
                last = ends[-rule.window :]
                if len(last) == rule.window and pstdev(last) < rule.stability:
                    end = ends[-1]
                    met.add("settled")
            step(block.masked)
        if end is None:
            end = int(mean(ends[-rule.window :]))
            met.add("mean")
        while inside := {i for i in block.masked if i < end}:
            met.add("inside" if inside < block.masked else "to the last")
            step(inside)
        start = end
    return met


@pytest.mark.parametrize("rule", RULES, ids=range(len(RULES)))
def test_it_proposes_what_the_loops_do(rule: SlowFast) -> None:
    """Rows begin their blocks at their own times, one after the other, and leave and enter with their states."""
    expected, blocks = ([Block(seed) for seed in range(BLOCKS)] for _ in range(2))
    met = set().union(*(reference(rule, block) for block in expected))
    waiting = iter(blocks)
    rows = [next(waiting) for _ in range(ROWS)]
    state = rule.new_state(ROWS, 2 * LENGTH, LENGTH, 9, torch.device("cpu"))
    while rows:
        step: Any = SimpleNamespace(
            masked_BK=torch.tensor([[i in block.masked for i in range(LENGTH)] for block in rows]),
            confidence_BK=torch.tensor([block.c for block in rows], dtype=torch.float64),
            places_BK=(torch.arange(LENGTH) + LENGTH).expand(len(rows), -1),
            block_step_B=torch.tensor([len(block.proposed) for block in rows]),
            decoder_state=state,
            highest=StepState.highest,
        )
        for block, shown in zip(rows, rule.propose(step).reveal_BK.tolist(), strict=True):
            block.step({i for i in range(LENGTH) if shown[i]})
        next_ones = [block if block.masked else next(waiting, None) for block in rows]
        state = keep_rows(
            state, torch.tensor([i for i, block in enumerate(next_ones) if block], dtype=torch.long)
        )
        rows = [block for block in next_ones if block]
    assert [block.proposed for block in blocks] == [block.proposed for block in expected]
    assert met >= {"trusted", "inside"}
    assert ("settled" in met) == (rule.window <= rule.exploration_steps and rule.stability > 0)
    assert ("mean" in met) == (rule.window > 1)


def test_where_it_does_not_stop_short_it_is_another_decoder() -> None:
    """Exploration as long as a block is `confidence`; one position at a time, each its own cycle, is left to right."""
    model, axon = toy_model(), AxonSettings(gate="never")
    prompts = [[1, 2, 3], [4, 5, 6, 7, 8, 9], [10]]

    def tokens(decoder: Any) -> list[Any]:
        return decode(model, prompts, DecodeSettings(12, 6, decoder=decoder, axon=axon))

    assert tokens(SlowFast(threshold=0.5, exploration_steps=6)) == tokens(Confidence(threshold=0.5))
    assert tokens(SlowFast(threshold=1.0, exploration_steps=12)) == tokens(FixedSteps())
    short = tokens(SlowFast(threshold=0.5, min_confidence=0.9, exploration_steps=1, window=1))
    assert short != tokens(Confidence(threshold=0.5)) and all(trace.nfe < 12 for trace in short)
