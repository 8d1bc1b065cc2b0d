"""Anchors are the definition's, worked out one candidate at a time (docs/method.md, section 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from axon import AxonSettings
from axon.anchors import choose, support_of
from axon.policies import OBJECTIVES, POLICIES

LENGTH, ROWS, SEEDS = 9, 6, 5
VARIED: list[dict[str, Any]] = [
    {},
    {"anchors": 3, "min_anchors": 2},
    {"min_candidates": 2, "max_candidates": 5, "candidate_ratio": 0.5},
    {"uncertainty_threshold": 0.4, "anchors": 2},
    {"conflict_threshold": 0.01, "anchors": 4},
]


@dataclass
class Block:
    """One row: M, P, sinks, c and p* of each position, and A."""

    masked: list[bool]
    proposed: list[bool]
    sink: list[bool]
    c: list[float]
    p_max: list[float]
    attention: list[list[float]]

    def clean(self, i: int, j: int) -> float:
        return 0.0 if self.sink[j] or i == j else self.attention[i][j]


def blocks(seed: int) -> list[Block]:
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Any:
        return torch.rand(ROWS, *shape, generator=generator, dtype=torch.float64)

    c, masked = random(LENGTH), random(LENGTH) < 0.85
    masked[:, 0] = True
    proposed = masked & (c > 0.6)
    p_max = c.maximum(random(LENGTH))  # above c where a token was sampled
    attention = torch.softmax(3 * (random(LENGTH, LENGTH) * 2 - 1), 2).float()
    columns = (masked, proposed, random(LENGTH) < 0.15, c, p_max, attention)
    return [Block(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def candidates(block: Block, s: AxonSettings) -> list[int]:
    """The most confident masked positions, the leftmost of equals first."""
    inside = [i for i in range(LENGTH) if block.masked[i]]
    count = max(s.min_candidates, min(math.floor(s.candidate_ratio * len(inside)), s.max_candidates))
    return sorted(inside, key=lambda i: -block.c[i])[:count]


def target(block: Block) -> float:
    """F, what P covers of what it leaves."""
    shown = [j for j in range(LENGTH) if block.proposed[j]]
    rest = [i for i in range(LENGTH) if block.masked[i] and not block.proposed[i]]
    need = {i: 1 - block.p_max[i] for i in rest}
    return sum(
        max((block.attention[i][j] * need[i] * block.p_max[j] for j in shown), default=0.0) for i in rest
    )


def anchors(block: Block, s: AxonSettings) -> list[int]:
    """S, in the order of choice."""
    c, inside = block.c, [i for i in range(LENGTH) if block.masked[i]]
    most = s.anchors if s.policy == "fixed" else math.ceil(math.log2(len(inside) + 1))
    pool, cap = candidates(block, s), max(most, s.min_anchors)
    found: list[int] = []

    def weight(i: int, j: int) -> float:
        return block.clean(i, j) * (1 - c[i]) * c[j] if 1 - c[i] >= s.uncertainty_threshold else 0.0

    def value(chosen: Sequence[int]) -> float:
        return sum(max((weight(i, j) for j in chosen), default=0.0) for i in inside)

    def gain(j: int) -> float:
        if s.objective == "graph_cut":
            return sum(weight(i, j) for i in inside)
        covered = {i: max((weight(i, other) for other in found), default=0.0) for i in inside}
        return sum(max(0.0, weight(i, j) - covered[i]) for i in inside)

    def conflict(j: int, k: int) -> float:
        return 0.5 * (block.clean(j, k) + block.clean(k, j)) * (1 - c[j]) * (1 - c[k])

    def score(j: int) -> float:
        if s.policy != "conflict_averse":
            return gain(j)
        if any(conflict(j, k) > s.conflict_threshold for k in found):
            return -math.inf
        gains = sorted(one for one in map(gain, pool) if one > 0)
        cost = gains[(len(gains) - 1) // 2] / math.ceil(math.log2(len(inside) + 1)) if gains else 0.0
        charge = sum(conflict(j, k) for k in found)
        return gain(j) + 1e-3 * c[j] - charge - cost * (len(found) + 1)

    while len(found) < cap:
        left = [j for j in pool if j not in found and score(j) > -math.inf]
        if not left:
            break
        best = max(left, key=lambda j: (score(j) + 1e-6 * c[j], -pool.index(j)))
        if len(found) >= s.min_anchors and (
            gain(best) <= 0
            or (s.policy == "cover" and value(found) >= target(block))
            or (s.policy == "density" and gain(best) < target(block) / max(1, sum(block.proposed)))
            or (s.policy == "conflict_averse" and score(best) <= 0)
        ):
            break
        found.append(best)
    return found


def ours(rows: Sequence[Block], s: AxonSettings) -> list[set[int]]:
    def column(name: str) -> Any:
        return torch.tensor([getattr(row, name) for row in rows])

    masked, c, p_max = column("masked"), column("c").double(), column("p_max").double()
    attention = column("attention").float()
    chosen = choose(support_of(masked, column("proposed"), c, p_max, attention, column("sink"), s), s)
    return [{place for place, one in enumerate(row) if one} for row in chosen.tolist()]


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("policy", POLICIES)
def test_the_anchors_are_the_definitions(policy: Any, objective: Any) -> None:
    sizes = set()
    for change in VARIED:
        settings = AxonSettings(policy=policy, objective=objective, **change)
        for seed in range(SEEDS):
            rows = blocks(seed)
            expected = [set(anchors(row, settings)) for row in rows]
            assert ours(rows, settings) == expected
            sizes |= {len(one) for one in expected}
    assert len(sizes) > 1, "there is something to decide"


def test_the_policies_and_the_objectives_are_told_apart() -> None:
    found = {
        (policy, objective): str(
            [
                ours(blocks(seed), AxonSettings(policy=policy, objective=objective, anchors=2))
                for seed in range(SEEDS)
            ]
        )  # type: ignore[arg-type]
        for policy in POLICIES
        for objective in OBJECTIVES
    }
    assert len(set(found.values())) == len(found)
