"""Every base decoder's rule in words, one position at a time, in every step of a decode (docs/method.md, section 2).

DAWN's is in test_dawn.py, other rankings of fixed_steps in test_ranking.py; credit's and SlowFast's, which remember
more than c, in test_credit.py and test_slow_fast.py; of those that take tokens back, in test_remasking.py, test_wino.py
and test_joint_threshold.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from axon import (
    AxonSettings,
    Confidence,
    DecoderSettings,
    DecodeSettings,
    EntropyBounded,
    EntropyThreshold,
    Factor,
    FixedSteps,
    Hierarchy,
    Klass,
    LeftToRight,
    LocalLeap,
    decode,
)
from axon.state import StepState
from tests.axon.toy_model import toy_model

GEN = 12
PROMPTS = [[1, 2, 3], [4, 5, 6, 7, 8, 9], [10], [11, 12, 13, 14], [15, 3], [7, 7, 2]]
Chances = list[list[float]]  # of each position, of each token
Rule = Callable[
    [Any, list[int], list[float], list[Chances]], set[int]
]  # settings, M, c, chances of all steps so far


def confidence(rule: Confidence, masked: list[int], c: list[float], steps: list[Chances]) -> set[int]:
    return {i for i in masked if c[i] >= rule.threshold}


def factor(rule: Factor, masked: list[int], c: list[float], steps: list[Chances]) -> set[int]:
    found: set[int] = set()
    for k, i in enumerate(sorted(masked, key=lambda i: -c[i]), start=1):
        if (k + 1) * (1 - c[i]) > rule.factor:
            break
        found.add(i)
    return found


def local_leap(rule: LocalLeap, masked: list[int], c: list[float], steps: list[Chances]) -> set[int]:
    sure = {i for i in masked if c[i] >= rule.threshold}
    near = {i for i in masked for j in sure if abs(i - j) <= rule.radius and c[i] >= rule.relaxed_threshold}
    return sure | near | {max(masked, key=lambda i: (c[i], -i))}


def entropy_bounded(
    rule: EntropyBounded, masked: list[int], c: list[float], steps: list[Chances]
) -> set[int]:
    entropies = {i: -sum(p * math.log(p) for p in steps[-1][i] if p) for i in masked}
    found: list[int] = []
    for i in sorted(masked, key=entropies.__getitem__):
        if sum(entropies[j] for j in found) > rule.gamma:  # the sum without the largest, which is this one
            break
        found.append(i)
    return set(found)


def entropy_threshold(
    rule: EntropyThreshold, masked: list[int], c: list[float], steps: list[Chances]
) -> set[int]:
    entropies = {i: -sum(p * math.log(p) for p in steps[-1][i] if p) for i in masked}
    return {i for i in masked if entropies[i] < rule.threshold} | {min(masked, key=entropies.__getitem__)}


def hierarchy(rule: Hierarchy, masked: list[int], c: list[float], steps: list[Chances]) -> set[int]:
    runs: list[list[int]] = []
    for i in masked:
        if i - 1 in masked:
            runs[-1].append(i)
        else:
            runs.append([i])
    leads = {max(run, key=lambda i: (c[i], -i)) for run in runs}
    found = {i for i in masked if c[i] > rule.threshold} | {i for i in leads if c[i] > rule.low_threshold}
    return found | {max(masked, key=lambda i: (c[i], -i))}


def left_to_right(rule: LeftToRight, masked: list[int], c: list[float], steps: list[Chances]) -> set[int]:
    return {min(masked)}


def fixed_steps(rule: FixedSteps, masked: list[int], c: list[float], steps: list[Chances]) -> set[int]:
    assert rule.steps is not None
    step = len(steps) - 1
    quota = GEN // rule.steps + (step < GEN % rule.steps)
    return set(sorted(masked, key=lambda i: -c[i])[:quota])


def klass(rule: Klass, masked: list[int], c: list[float], steps: list[Chances]) -> set[int]:
    def moved(i: int, step: int) -> float:
        return sum(p * math.log(p / q) for p, q in zip(steps[step][i], steps[step - 1][i], strict=True) if p)

    last = range(len(steps) - rule.history, len(steps))
    if last[0] < 1:  # a step has none before it to compare with
        return set()
    return {
        i
        for i in masked
        if c[i] > rule.threshold and all(moved(i, step) < rule.kl_threshold for step in last)
    }


TRIED: list[tuple[DecoderSettings, Rule]] = [
    (Confidence(threshold=0.5), confidence),
    (Factor(factor=1.0), factor),
    (Factor(factor=1.6), factor),
    (LocalLeap(threshold=0.7, relaxed_threshold=0.3, radius=1), local_leap),
    (LocalLeap(threshold=0.6, relaxed_threshold=0.4, radius=3), local_leap),
    (EntropyBounded(gamma=1.2), entropy_bounded),
    (EntropyBounded(gamma=3.0), entropy_bounded),
    (EntropyThreshold(threshold=1.0), entropy_threshold),
    (Hierarchy(threshold=0.7, low_threshold=0.3), hierarchy),
    (Hierarchy(threshold=0.9, low_threshold=0.0), hierarchy),
    (LeftToRight(), left_to_right),
    (FixedSteps(steps=5), fixed_steps),
    (Klass(threshold=0.2, kl_threshold=0.4, history=1), klass),
    (Klass(threshold=0.2, kl_threshold=0.8, history=2), klass),
]


class Told:
    """Of every step of a batch: its masked positions, c, chances, and what the decoder would reveal."""

    def __init__(self) -> None:
        self.steps: list[tuple[list[list[bool]], list[list[float]], list[Chances], list[list[bool]]]] = []

    def asked(self, *told: Any) -> None:
        raise AssertionError("no gate is asked")

    chose = asked

    def stepped(self, batch: Any, state: Any, proposal_BK: Tensor) -> None:
        chances = state.log_probs().exp().tolist()
        self.steps.append(
            (state.masked_BK.tolist(), state.confidence_BK.tolist(), chances, proposal_BK.tolist())
        )


@pytest.mark.slow
@pytest.mark.parametrize(("decoder", "rule"), TRIED, ids=lambda own: getattr(own, "__name__", str(own)))
@pytest.mark.parametrize("family", ["llada", "sdar"])
def test_a_step_reveals_what_the_rule_says(family: str, decoder: DecoderSettings, rule: Rule) -> None:
    """And where that is nothing the most confident position; the rule is met: some say several, not all of them."""
    settings = DecodeSettings(GEN, GEN, decoder=decoder, axon=AxonSettings(gate="never"))
    sizes: set[int] = set()
    for prompt in PROMPTS:
        told, before = Told(), []
        decode(toy_model(family), [prompt], settings, watcher=told)
        for [marks], [c], [chances], [shown] in told.steps:
            before.append(chances)
            masked = [i for i in range(GEN) if marks[i]]
            expected = rule(decoder, masked, c, before)
            assert {i for i in range(GEN) if shown[i]} == (
                expected or {max(masked, key=lambda i: (c[i], -i))}
            )
            sizes.add(len(expected) if len(expected) < len(masked) else GEN)
    assert isinstance(decoder, LeftToRight) or len(sizes - {0, GEN}) >= 2


def _step(c: list[float], log_probs: Any = None) -> Any:
    """As much of a step as these rules read: a block of masks with those confidences."""
    confidence_BK = torch.tensor([c], dtype=torch.float64)
    step = SimpleNamespace(masked_BK=torch.ones((1, len(c)), dtype=torch.bool), confidence_BK=confidence_BK)
    step.masked_confidence_BK = confidence_BK
    step.rank, step.highest, step.entropy = StepState.rank, StepState.highest, StepState.entropy
    step.log_probs = lambda: torch.tensor([log_probs], dtype=torch.float64)
    step.top_one = lambda: StepState.top_one(step)
    return step


@pytest.mark.parametrize(
    ("decoder", "step", "revealed"),
    [
        (Confidence(threshold=0.5), _step([0.25, 0.5, 0.625]), [1, 2]),
        (Factor(factor=1.0), _step([0.5, 0.25]), [0]),  # (1 + 1)(1 - 0.5)
        (Factor(factor=0.75), _step([0.75, 0.75]), [0, 1]),  # (2 + 1)(1 - 0.75)
        (LocalLeap(threshold=0.5, relaxed_threshold=0.25, radius=1), _step([0.125, 0.25, 0.5, 0.25, 0.25]), [1, 2, 3]),
        (LocalLeap(threshold=0.5, relaxed_threshold=0.25), _step([0.75, 0.125, 0.25]), [0, 2]),
        (EntropyBounded(gamma=0.0), _step([1.0, 1.0], [[0.0, -1e9], [-1e9, 0.0]]), [0, 1]),
    ],
)  # fmt: skip
def test_what_lies_exactly_on_a_limit_is_revealed(decoder: Any, step: Any, revealed: list[int]) -> None:
    assert decoder.propose(step).reveal_BK[0].nonzero()[:, 0].tolist() == revealed


def test_once_its_steps_are_spent_fixed_steps_goes_on_one_by_one() -> None:
    """AXON's single anchor takes the place of four positions, which its two steps had no time for then."""
    axon = AxonSettings(gate="always", attention_layers="all")
    [trace] = decode(
        toy_model("llada"), PROMPTS[:1], DecodeSettings(8, 8, decoder=FixedSteps(steps=2), axon=axon)
    )
    assert [len(shown) for shown in trace.reveals()] == [1, 4, 1, 1, 1]
