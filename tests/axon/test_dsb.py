"""`dsb`: its window beside the release's pointers, and decodes that are those of the release's loop, step by step."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from axon import Confidence, DecodeSettings, Dsb, LeftToRight, decode
from axon.state import StepState
from tests.axon.plain_revising import Block, Changes, Rule
from tests.axon.test_golden import GOLDEN
from tests.axon.test_laws import MIXED
from tests.axon.test_remasking import AXONS, OFF, WAYS, decoded_as_plain, prompts_of
from tests.axon.toy_model import toy_model

RULES = [Dsb(threshold=0.6, window=4), Dsb(threshold=0.5, window=6, max_window=7)]


def dsb(decoder: Dsb) -> Rule:
    """The release's loop over its window, from the first mask to an end that moves on with what is revealed."""

    def rule(block: Block) -> Changes:
        places = block.open | block.shown
        first = min(block.open)
        revealed = len({place for place in block.shown if place < max(places)})
        end = min(places) + (decoder.window or 0) + revealed
        while len({place for place in block.open if place < end}) > (decoder.window or 0):
            end -= 1  # AXON has revealed some beyond it, which it doesn't move on for
        if decoder.max_window is not None:
            end = min(end, first + decoder.max_window)
        window = {place for place in block.open if place < end}
        sure = {place for place in window if block.c[place] >= decoder.threshold}
        return sure | {block.surest(window)[0]}, set(), set()

    return rule


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
@pytest.mark.parametrize(
    ("family", "further", "axon"),
    [
        *((*WAYS[0], axon) for axon in AXONS),
        ("dream", {}, "alone"),
        ("sdar", {"block_alignment": "absolute", "cache": "block", "sink_rows": "visible"}, "always"),
    ],
)
def test_decodes_are_those_of_the_releases_loop(family: str, further: Any, axon: str) -> None:
    """Under AXON the loop is told what AXON chose, which may lie beyond the window."""
    rules = [(decoder, dsb(decoder)) for decoder in RULES]
    decoded = decoded_as_plain(family, further, axon, prompts_of(family)[:1], rules)
    intervened = sum(len(trace.axon_steps) for _, trace in decoded)
    assert bool(intervened) == (axon != "alone")


@pytest.mark.slow
def test_its_window_is_the_releases() -> None:
    """Between the first mask and as many positions further as were revealed, whatever is masked between them."""
    random = Random(0)
    for _ in range(300):
        length, window, most = random.randint(2, 20), random.randint(1, 6), random.choice([None, 1, 3, 8])
        decoder = Dsb(threshold=0.0, window=window, max_window=most)
        masked, start, revealed = [True] * length, 0, 0
        while any(masked):
            start = masked.index(True)
            end = min(window + revealed, length if most is None else start + most)
            expected = [place < end and masked[place] for place in range(length)]
            step: Any = SimpleNamespace(
                masked_BK=torch.tensor([masked]),
                confidence_BK=torch.rand((1, length), dtype=torch.float64),
                highest=StepState.highest,
            )
            assert decoder.propose(step).reveal_BK.tolist() == [expected]
            shown = random.choice([place for place in range(length) if expected[place]])
            masked[shown], revealed = False, revealed + 1


@pytest.mark.slow
def test_a_narrow_window_is_left_to_right_and_a_wide_one_confidence() -> None:
    plain = DecodeSettings(16, 16, axon=OFF)
    ends: list[tuple[Any, Any]] = [
        (Dsb(threshold=1.0, window=1), LeftToRight()),
        (Dsb(threshold=0.5, max_window=1), LeftToRight()),
        (Dsb(threshold=0.5, window=16), Confidence(threshold=0.5)),
        (Dsb(threshold=0.5), Dsb(threshold=0.5, window=2)),
    ]
    for ours, other in ends:
        expected = decode(toy_model(), MIXED, replace(plain, decoder=other))
        assert decode(toy_model(), MIXED, replace(plain, decoder=ours)) == expected


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Dsb(threshold=1.1), "decoder.threshold=1.1: "),
        (lambda: Dsb(window=0), "decoder.window=0: "),
        (lambda: Dsb(max_window=0), "decoder.max_window=0: "),
    ],
)
def test_wrong_values_are_told(make: Any, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        make()
