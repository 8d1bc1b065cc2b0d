"""`clad`: its clusters and conflicts in words, and decodes that are those of the release's loop, step by step."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
import torch

from axon import Clad, Confidence, DecodeSettings, decode
from axon.decoders.clad import in_yielding_clusters
from tests.axon.plain_revising import Block, Changes, Rule
from tests.axon.test_golden import GOLDEN
from tests.axon.test_laws import MIXED
from tests.axon.test_remasking import EACH_FORMAT, OFF, decoded_as_plain, prompts_of
from tests.axon.toy_model import toy_model

Attention = Any  # attention[i][j]: how much i attends to j
LAST = replace(OFF, attention_layers="last 1")
RULES = [Clad(threshold=0.6), Clad(threshold=0.8)]


def clusters_of(sure: set[int]) -> list[list[int]]:
    """Runs of neighbours, from left to right."""
    ordered = sorted(sure)
    return [list(run) for _, run in groupby(ordered, key=lambda place: place - ordered.index(place))]


def kept(sure: set[int], attention: Attention, length: int) -> set[int]:
    """The release's filter: a graph of mutual strongest clusters, its two conditions, and the larger of each pair."""
    clusters = clusters_of(sure)

    def between(i: int, j: int) -> float:
        return 0.0 if i == j else max(attention[i][j], attention[j][i])

    def towards(one: list[int], other: list[int]) -> float:
        return max(sum(between(i, j) for j in other) / len(other) for i in one)

    numbers = range(len(clusters))
    scores = {
        (a, b): max(towards(clusters[a], clusters[b]), towards(clusters[b], clusters[a]))
        for a in numbers
        for b in numbers
        if a != b
    }
    gone: set[int] = set()
    for a in numbers:
        for b in range(a + 1, len(clusters)):
            mutual = all(
                scores[one, other] == max(scores[one, third] for third in numbers if third != one)
                for one, other in ((a, b), (b, a))
            )
            means = [sum(scores[one, x] for x in numbers if x != one) / (len(clusters) - 1) for one in (a, b)]
            if len(clusters) == 2:
                conflict = mutual and scores[a, b] >= 1.2 / length
            else:
                conflict = mutual and all(scores[a, b] >= mean - 1e-12 for mean in means)
            if conflict:
                gone.add(b if len(clusters[a]) >= len(clusters[b]) else a)
    return {place for number, cluster in enumerate(clusters) if number not in gone for place in cluster}


def clad(threshold: float) -> Rule:
    def rule(block: Block) -> Changes:
        sure = {place for place in block.open if block.c[place] >= threshold}
        return kept(sure or {block.surest(block.open)[0]}, block.attention, block.length), set(), set()

    return rule


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
@pytest.mark.parametrize(("family", "further", "axon"), EACH_FORMAT)
def test_decodes_are_those_of_the_releases_loop(family: str, further: Any, axon: str) -> None:
    """Under AXON the loop is told what AXON chose."""
    rules = [(decoder, clad(decoder.threshold)) for decoder in RULES]
    found = Counter[str]()
    for _, trace in decoded_as_plain(family, further, axon, prompts_of(family)[:1], rules):
        found.update(held=trace.held_back_steps, axon=len(trace.axon_steps))
    assert found["held"] > 3 and bool(found["axon"]) == (axon != "alone")


def test_which_clusters_yield_is_what_the_rule_says() -> None:
    """Several rows at once, of none to many clusters."""
    generator = torch.Generator().manual_seed(0)
    counted = Counter[int]()
    for length in (1, 2, 5, 8, 13):
        sure = torch.rand(200, length, generator=generator) < torch.rand(200, 1, generator=generator)
        attention = torch.rand(200, length, length, generator=generator) ** 3 / length * 2
        yields = in_yielding_clusters(sure, attention)
        for row in range(200):
            mine = set(sure[row].nonzero()[:, 0].tolist())
            expected = mine - kept(mine, attention[row].double().tolist(), length)
            assert set(yields[row].nonzero()[:, 0].tolist()) == expected
            counted[len(clusters_of(mine))] += bool(expected)
    assert not counted[0] and not counted[1] and counted[2] > 0 and counted[3] > 20 and counted[5] > 3


@pytest.mark.parametrize(
    ("strength", "sure", "expected"),
    [
        (0.3, "x..xx.", "x....."),  # 1.2 / 6 = 0.2: the larger one stays
        (0.3, "x..x..", "...x.."),  # of equals the left one
        (0.1, "x..xx.", "......"),  # the only two, and hardly attended to
        (0.1, "x.x.xx", "..x..."),  # with a third the strongest pair is in conflict, however weak it is
        (0.3, "xxxxxx", "......"),
    ],
)
def test_of_two_in_conflict_the_smaller_waits(strength: float, sure: str, expected: str) -> None:
    """All attend to the first position, most of all the third."""
    attention = torch.full((1, 6, 6), 0.01)
    attention[0, :, 0] = strength
    attention[0, 2, 0] += 0.01
    waits = in_yielding_clusters(torch.tensor([[mark == "x" for mark in sure]]), attention)
    assert "".join("x" if own else "." for own in waits[0].tolist()) == expected


def test_what_every_step_must_keep_holds_at_its_ends() -> None:
    """At threshold 0 all that is masked is one cluster; at 1 each step reveals the most confident one."""
    for threshold in (0.0, 1.0):
        plain = DecodeSettings(16, 8, decoder=Confidence(threshold=threshold), axon=LAST)
        traces = decode(toy_model(), MIXED, replace(plain, decoder=Clad(threshold=threshold)))
        expected = decode(toy_model(), MIXED, plain)
        assert [trace.events for trace in traces] == [trace.events for trace in expected]
        assert not any(trace.held_back for trace in traces)
