"""Frames are the decode: nothing appears before its step, and the last one is what was decoded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from axon.trace import NOT_DECODED, Event
from pipeline.show.cells import cells
from pipeline.show.frames import events_of_record, frames
from tests.show.decodes import TOKENS, decode


@st.composite
def records(draw: st.DrawFn) -> tuple[list[int], list[int], set[int], set[int]]:
    """Tokens, the step of each, AXON's steps, those of them without support. Every step reveals something."""
    nfe = draw(st.integers(1, 8))
    more = draw(st.lists(st.integers(NOT_DECODED, nfe - 1), max_size=12))
    revealed_at = draw(st.permutations([*range(nfe), *more]))
    tokens = draw(st.lists(st.integers(0, 99), min_size=len(revealed_at), max_size=len(revealed_at)))
    axon = draw(st.sets(st.integers(0, nfe - 1)))
    return tokens, list(revealed_at), axon, draw(st.sets(st.sampled_from(sorted(axon)))) if axon else set()


@given(records())
def test_a_record_is_shown_as_it_was_decoded(record: tuple[list[int], list[int], set[int], set[int]]) -> None:
    tokens, revealed_at, axon, unsupported = record
    made = frames(tokens, events_of_record(*record), max(revealed_at) + 1)
    assert len(made) == max(revealed_at) + 1
    assert made[-1].tokens == tuple(tokens)
    for frame in made:
        over = frame.step == len(made) - 1
        for token, step, shown in zip(tokens, revealed_at, frame.tokens, strict=True):
            there = over if step == NOT_DECODED else step <= frame.step
            assert shown == (token if there else None)
        assert frame.revealed == tuple(p for p, step in enumerate(revealed_at) if step == frame.step)
        assert frame.masks_left == frame.tokens.count(None)
        assert (frame.by != "decoder", frame.by == "axon_fallback") == (
            frame.step in axon,
            frame.step in unsupported,
        )
        assert not frame.anchors  # a record knows none


def test_what_is_masked_again_or_replaced_is_shown() -> None:
    events = (
        Event(0, 0, 7, "reveal", "decoder"),
        Event(1, 0, -1, "remask", "decoder"),
        Event(1, 1, 8, "reveal", "decoder"),
        Event(2, 0, 9, "reveal", "decoder"),
        Event(3, 1, 7, "replace", "decoder"),
    )
    made = frames((9, 7), events, 4)
    assert [frame.tokens for frame in made] == [(7, None), (None, 8), (9, 8), (9, 7)]


def test_anchors_and_what_attends_to_them_are_marked() -> None:
    shown = decode()
    kinds = [[cell.kind for cell in cells(shown, step)] for step in range(len(shown.frames) + 1)]
    assert kinds == [
        # 3 attends to the anchor by less than a fifth of what 0 does
        ["supported", "supported", "axon", "mask", "mask", "mask"],
        ["decoder", "decoder", "before", "mask", "mask", "mask"],
        ["before", "before", "before", "axon", "mask", "mask"],
        ["before", "before", "before", "before", "decoder", "undecoded"],
        ["before"] * len(TOKENS),
    ]
    first = cells(shown, 0)
    assert [cell.number for cell in first] == [1, 1, 1, 0, 0, 0]
    assert [cell.strength for cell in first] == [1, 0.5, 0, 0, 0, 0]
    assert [cell.confidence for cell in first] == [0.25, 0.5, 0.875, 0.125, None, None]
