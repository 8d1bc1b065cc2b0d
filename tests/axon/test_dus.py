"""`dus`: its groups written out, and decodes that are those of the release's loop, step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from axon import DecodeSettings, Dus, FixedSteps, decode
from axon.decoders.dus import dilated_groups
from axon.laws.rows import decode_rows
from tests.axon.plain_revising import Block, Changes, Rule
from tests.axon.test_golden import GOLDEN
from tests.axon.test_laws import MIXED
from tests.axon.test_remasking import AXONS, OFF, WAYS, decoded_as_plain, prompts_of
from tests.axon.toy_model import toy_model


def plan(length: int, base: int, skip: int) -> list[list[int]]:
    """A block's groups as the paper counts them: P_t holds every floor(B / a^t)-th place that is not planned yet."""
    groups: list[list[int]] = []
    planned: set[int] = set()
    spacings = [length // base**t for t in range(skip, length.bit_length() + 1)]
    for spacing in [spacing for spacing in spacings if spacing] + [1]:  # the last for what is left over
        group = [place for place in range(length) if place % spacing == 0 and place not in planned]
        planned |= set(group)
        groups += [group] if group else []
    if len(groups) > 1 and len(groups[-1]) < len(groups[-2]):
        last = groups.pop()
        groups[-1] = sorted(groups[-1] + last)
    return groups


def dus(base: int, skip: int, threshold: float) -> Rule:
    """The release's loop over a block's groups; a position of too little confidence goes on to the next pass."""
    tried: set[int] = set()

    def rule(block: Block) -> Changes:
        if not block.step:
            tried.clear()
        groups = [{block.start + place for place in group} for group in plan(block.length, base, skip)]
        mine = next((group for group in groups if block.open & group - tried), set())
        due = block.open & (mine | tried)
        tried.update(due)
        if due == block.open:  # the last pass
            return due, set(), set()
        return {place for place in due if block.c[place] >= threshold}, set(), set()

    return rule


RULES: dict[str, tuple[Any, Rule]] = {
    "as published": (Dus(), dus(2, 1, 0.3)),
    "much waits": (Dus(base=3, threshold=0.8), dus(3, 1, 0.8)),
}


def groups_of(*numbers: int) -> list[list[int]]:
    groups = dilated_groups(*numbers)
    return [
        [place for place, group in enumerate(groups) if group == number] for number in sorted(set(groups))
    ]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((8, 2, 1), [[0, 4], [2, 6], [1, 3, 5, 7]]),
        ((12, 2, 1), [[0, 6], [3, 9], [1, 2, 4, 5, 7, 8, 10, 11]]),  # no power of two: some are neighbours
        ((5, 2, 1), [[0, 1, 2, 3, 4]]),  # the last two groups are one
        ((8, 3, 1), [[0, 2, 4, 6], [1, 3, 5, 7]]),  # 8 // 9 is no spacing: the last group is what is left
        ((8, 2, 2), [[0, 2, 4, 6], [1, 3, 5, 7]]),
        ((8, 8, 1), [[0, 1, 2, 3, 4, 5, 6, 7]]),
        ((8, 9, 1), [[0, 1, 2, 3, 4, 5, 6, 7]]),
        ((1, 2, 1), [[0]]),
    ],
)
def test_groups_are_spaced_evenly_and_halved(
    numbers: tuple[int, int, int], expected: list[list[int]]
) -> None:
    assert groups_of(*numbers) == expected


def test_groups_are_the_papers() -> None:
    for length in (*range(1, 40), 64, 100, 256):
        for base in (2, 3, 4, 7, 300):
            for skip in (1, 2, 3):
                assert groups_of(length, base, skip) == plan(length, base, skip)


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
@pytest.mark.parametrize(
    ("family", "further", "axon"),
    [
        *((*WAYS[0], axon) for axon in AXONS),
        ("llada", {"block_alignment": "absolute", "cache": "dual"}, "alone"),
        ("dream", {"cache": "prefix"}, "always"),
        ("sdar", {"block_alignment": "absolute", "cache": "block", "sink_rows": "visible"}, "always"),
    ],
)
def test_decodes_are_those_of_the_releases_loop(family: str, further: Any, axon: str) -> None:
    """Under AXON the loop is told what AXON chose; what that leaves undone is tried again in the next pass."""
    decoded = decoded_as_plain(family, further, axon, prompts_of(family)[:1], RULES.values())
    intervened = sum(len(trace.axon_steps) for _, trace in decoded)
    assert bool(intervened) == (axon != "alone")


def test_a_block_takes_a_step_for_each_group() -> None:
    for base, steps in ((2, 4), (3, 2), (4, 2), (16, 1)):
        setting = DecodeSettings(32, 16, decoder=Dus(base=base, threshold=0.0), axon=OFF)
        assert {trace.nfe for trace in decode(toy_model(), MIXED, setting)} == {2 * steps}
        assert setting.most_steps(all_open=True) == steps


def test_neither_doubt_nor_axon_takes_more_steps_than_the_settings_say() -> None:
    """AXON costs a step only where it acts when all that is left is due."""
    for threshold in (0.0, 1.0):
        for budget in (0, 1, 9):
            axon = replace(OFF, max_anchor_steps=max(budget, 1), attention_layers="last 1")
            axon = replace(axon, gate="always") if budget else axon
            setting = DecodeSettings(16, 16, decoder=Dus(threshold=threshold), axon=axon)
            assert setting.most_steps(all_open=True) == min(16, 4 + budget)
            nfe = {trace.nfe for trace in decode_rows(toy_model(), MIXED, setting)}
            assert nfe == {max(4, budget + 1)}


def test_with_one_group_it_is_a_step_for_each_block() -> None:
    once = DecodeSettings(16, 8, axon=OFF)
    whole = replace(once, decoder=Dus(base=8))
    assert decode(toy_model(), MIXED, whole) == decode(
        toy_model(), MIXED, replace(once, decoder=FixedSteps(steps=2))
    )


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Dus(base=1), "decoder.base=1: "),
        (lambda: Dus(base_skip=0), "decoder.base_skip=0: "),
        (lambda: Dus(threshold=1.5), "decoder.threshold=1.5: "),
    ],
)
def test_wrong_values_are_told(make: Any, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        make()
