"""ADAS's discount: its greedy order in words, what it keeps of the base rule, and decodes step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from axon import DecodeSettings, EntropyBounded, Factor, FixedSteps, decode
from axon.decoders.discounted import discounted_rank
from axon.identity import decode_identity
from axon.state import StepState
from tests.axon.plain_revising import Block, Changes, Rule
from tests.axon.test_golden import GOLDEN
from tests.axon.test_laws import MIXED
from tests.axon.test_remasking import EACH_FORMAT, OFF, decoded_as_plain, prompts_of
from tests.axon.toy_model import toy_model

LAST = replace(OFF, attention_layers="last 1")
ALPHA = 40.0  # as published


def greedy(alpha: float, stops: Callable[[Block, list[int]], bool]) -> Rule:
    """One position after the other, the one of the highest utility, until the base rule's stop."""

    def rule(block: Block) -> Changes:
        chosen: list[int] = []

        def utility(place: int) -> float:
            discount = sum(block.attention[place][other] * (1 - block.c[other]) for other in chosen)
            return block.c[place] - alpha * discount

        while left := block.open - set(chosen):
            best = min(left, key=lambda place: (-utility(place), place))
            if stops(block, [*chosen, best]):
                break
            chosen.append(best)
        return set(chosen), set(), set()

    return rule


def over_quota(steps: int) -> Callable[[Block, list[int]], bool]:
    def stops(block: Block, chosen: list[int]) -> bool:
        quotas = [block.length // steps + (step < block.length % steps) for step in range(steps)]
        return len(chosen) > (quotas[block.step] if block.step < steps else 1)

    return stops


def over_factor(factor: float) -> Callable[[Block, list[int]], bool]:
    """Of the one that would be the n-th: (n + 1)(1 - c) > factor."""
    return lambda block, chosen: (len(chosen) + 1) * (1 - block.c[chosen[-1]]) > factor


def over_bound(gamma: float) -> Callable[[Block, list[int]], bool]:
    """The entropies without the largest sum to more than gamma."""

    def stops(block: Block, chosen: list[int]) -> bool:
        entropies = sorted(block.entropy[place] for place in chosen)
        return sum(entropies[:-1]) > gamma

    return stops


RULES: list[tuple[Any, Rule]] = [
    (FixedSteps(steps=12, attention_discount=ALPHA), greedy(ALPHA, over_quota(6))),
    (Factor(factor=3.0, attention_discount=ALPHA), greedy(ALPHA, over_factor(3.0))),
    (EntropyBounded(gamma=1.5, attention_discount=ALPHA), greedy(ALPHA, over_bound(1.5))),
]


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
@pytest.mark.parametrize(("family", "further", "axon"), EACH_FORMAT)
def test_decodes_are_those_of_the_plain_loop(family: str, further: Any, axon: str) -> None:
    """Under AXON the loop is told what AXON chose."""
    found = Counter[str]()
    for decoder, trace in decoded_as_plain(family, further, axon, prompts_of(family)[:1], RULES):
        found.update({decoder.name: trace.held_back, "axon": len(trace.axon_steps)})
    assert sum(found[decoder.name] > 0 for decoder, _ in RULES) >= 2
    assert bool(found["axon"]) == (axon != "alone")


def state_of(rows: int, length: int, generator: torch.Generator) -> Any:
    attention = torch.rand(rows, length, length, generator=generator) ** 4 / length
    return SimpleNamespace(
        confidence_BK=torch.rand(rows, length, generator=generator, dtype=torch.float64),
        masked_BK=torch.rand(rows, length, generator=generator) < 0.7,
        attention=lambda: attention,
        rank=StepState.rank,
        highest=StepState.highest,
    )


def test_the_order_is_greedy_and_begins_as_the_base_does() -> None:
    """Rows of more and fewer masked positions than rounds."""
    generator = torch.Generator().manual_seed(0)
    moved = 0
    for length, rounds in ((1, 1), (6, 3), (9, 20)):
        state = state_of(60, length, generator)
        ranks, whole = (discounted_rank(state, ALPHA, most) for most in (rounds, None))
        assert torch.equal(ranks, whole.masked_fill(whole >= rounds, length))
        base = state.rank(state.confidence_BK, state.masked_BK)
        assert torch.equal(whole.sort(1).values, torch.arange(length).expand(60, -1))
        for row in range(60):
            masked = set(state.masked_BK[row].nonzero()[:, 0].tolist())
            never: Callable[[Block, list[int]], bool] = lambda _, chosen: len(chosen) > rounds  # noqa: B023, E731
            maps = state.attention()[row].double().tolist()
            block: Any = SimpleNamespace(open=masked, c=state.confidence_BK[row].tolist(), attention=maps)
            chosen, _, _ = greedy(ALPHA, never)(block)
            first = {place for place in masked if ranks[row, place] < rounds}
            assert first == chosen and len(chosen) == min(rounds, len(masked))
            assert all(whole[row, place] < len(masked) for place in masked)
            if masked:
                assert int(ranks[row].argmin()) == int(base[row].argmin())
            moved += bool((whole[row] != base[row]).any())
    assert moved > 60


@pytest.mark.parametrize("decoder", [FixedSteps(steps=4), Factor(factor=3.0)])
def test_hardly_any_discount_is_none(decoder: Any) -> None:
    """Whichever way it is reached: 0 takes the decoder's own order, and asks for no attention."""
    plain = DecodeSettings(16, 8, decoder=decoder, axon=LAST)
    expected = decode(toy_model(), MIXED, plain)
    near = replace(plain, decoder=replace(decoder, attention_discount=1e-12))
    traces = decode(toy_model(), MIXED, near)
    assert [trace.events for trace in traces] == [trace.events for trace in expected]
    assert not any(trace.held_back for trace in traces) and all(trace.compared_steps for trace in traces)
    assert not any(trace.compared_steps for trace in expected)
    assert near.reads_attention and not plain.reads_attention
    assert "attention_discount" not in decode_identity(plain, 2)["decoder"], "stored ids stay as they are"
    assert {"attention_discount", "attention_layers"} <= decode_identity(near, 2)["decoder"].keys()


def test_of_a_quota_a_discount_changes_which_and_not_how_many() -> None:
    plain = DecodeSettings(32, 16, decoder=FixedSteps(steps=8), axon=LAST)
    expected = decode(toy_model(), MIXED, plain)
    decoder = FixedSteps(steps=8, attention_discount=ALPHA)
    traces = decode(toy_model(), MIXED, replace(plain, decoder=decoder))
    for trace, other in zip(traces, expected, strict=True):
        assert [len(shown) for shown in trace.reveals()] == [len(shown) for shown in other.reveals()]
    assert any(trace.held_back for trace in traces)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Factor(attention_discount=-1.0), r"decoder.attention_discount=-1.0: "),
        (
            lambda: FixedSteps(attention_discount=40.0, remasking="entropy"),
            r"^decoder.attention_discount=40.0: discounts confidence, and remasking='entropy' ranks by something",
        ),
    ],
)
def test_wrong_values_are_told(make: Any, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        make()
