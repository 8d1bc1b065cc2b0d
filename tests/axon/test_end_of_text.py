"""What end of text does to decoding: `full`, `stop_at_eos`, `suppress`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon import Confidence, DecodeSettings, EntropyBounded, FixedSteps, LeftToRight, Trace, decode
from axon.settings import EndOfText
from axon.trace import NOT_DECODED
from tests.axon.test_laws import BLOCK, COMBINATIONS, GEN, MIXED, law, prompts_of
from tests.axon.toy_model import MASK, toy_model

MODEL = toy_model()
BASE = COMBINATIONS["confidence, never"]
STOPPED = [name for name in COMBINATIONS if "never" in name or name in ("confidence, always", "temperature")]


def _decode(prompts: list[list[int]], settings: DecodeSettings, mode: EndOfText) -> list[Trace]:
    return decode(MODEL, prompts, replace(settings, end_of_text=mode), seeds=list(range(len(prompts))))


@pytest.fixture(autouse=True)
def common_ends(monkeypatch: pytest.MonkeyPatch) -> tuple[int, ...]:
    """The two tokens that the toy model writes most are its ends of text."""
    written = Counter(chain.from_iterable(trace.tokens for trace in decode(MODEL, MIXED, BASE)))
    ends = tuple(token for token, _ in written.most_common(2))
    monkeypatch.setattr(MODEL, "end_token_ids", ends)
    return ends


@pytest.mark.parametrize("name", STOPPED)
def test_stopping_changes_nothing_up_to_the_end_and_saves_the_rest(
    name: str, common_ends: tuple[int, ...]
) -> None:
    @law(6)
    @given(prompts=prompts_of)
    def check(prompts: list[list[int]]) -> None:
        full = _decode(prompts, COMBINATIONS[name], "full")
        stopped = _decode(prompts, COMBINATIONS[name], "stop_at_eos")
        for long, short in zip(full, stopped, strict=True):
            end = long.tokens_to_eos(common_ends) + 1
            assert short.tokens[:end] == long.tokens[:end]
            assert short.revealed_at[:end] == long.revealed_at[:end]
            assert short.nfe_to_eos(common_ends) == long.nfe_to_eos(common_ends)
            # With a decoder that takes tokens back, a token is final once its block is.
            last = end if not COMBINATIONS[name].decoder.revises else -(-end // BLOCK) * BLOCK
            assert short.nfe == 1 + max(event.step for event in long.events if event.position < last)
            left = [place for place, step in enumerate(short.revealed_at) if step == NOT_DECODED]
            assert all(place >= end and short.tokens[place] == common_ends[0] for place in left)
            assert len(left) == GEN - short.tokens_decoded
            assert len(set(chain.from_iterable(short.reveals()))) == short.tokens_decoded

    check()


def test_some_rows_stop_early(common_ends: tuple[int, ...]) -> None:
    """The law above would say nothing if no row ever stopped."""
    stopped = _decode(MIXED, BASE, "stop_at_eos")
    assert any(NOT_DECODED in trace.revealed_at for trace in stopped)
    assert [_decode([prompt], BASE, "stop_at_eos")[0] for prompt in MIXED] == stopped


@pytest.mark.parametrize("settings", [BASE, replace(BASE, decoder=Confidence(threshold=0.0))])
def test_a_suppressed_end_waits_for_everything_else(
    settings: DecodeSettings, common_ends: tuple[int, ...]
) -> None:
    @law(15)
    @given(prompts=prompts_of)
    def check(prompts: list[list[int]]) -> None:
        traces = _decode(prompts, settings, "suppress")
        assert [_decode([prompt], settings, "suppress")[0].tokens for prompt in prompts] == [
            trace.tokens for trace in traces
        ]
        for trace in traces:
            assert MASK not in trace.tokens and NOT_DECODED not in trace.revealed_at
            if settings.decoder != BASE.decoder:  # threshold 0: everything is confident enough, also at 0
                continue
            for step in range(trace.nfe):
                shown = [
                    t in common_ends
                    for t, s in zip(trace.tokens, trace.revealed_at, strict=True)
                    if s == step
                ]
                assert all(shown) or not any(shown)

    check()


def test_suppression_changes_something(common_ends: tuple[int, ...]) -> None:
    assert _decode(MIXED, BASE, "suppress") != _decode(MIXED, BASE, "full")


@pytest.mark.parametrize("decoder", [LeftToRight(), EntropyBounded(), FixedSteps(remasking="random")])
def test_suppression_needs_a_decoder_that_reads_confidence(
    decoder: LeftToRight | EntropyBounded | FixedSteps,
) -> None:
    with pytest.raises(ValueError, match="end_of_text='suppress': holds confidence back, and decoder"):
        replace(BASE, decoder=decoder, end_of_text="suppress")


@pytest.mark.parametrize("mode", ["stop_at_eos", "suppress"])
def test_a_checkpoint_without_end_of_text_is_refused(
    mode: EndOfText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODEL, "end_token_ids", ())
    with pytest.raises(
        ValueError, match=f"end_of_text='{mode}': the checkpoint's config names no eos_token_id"
    ):
        _decode(MIXED, BASE, mode)
    assert _decode(MIXED, BASE, "full")


@given(mode=st.text(max_size=8).filter(lambda text: text not in ("full", "suppress")))
def test_unknown_modes_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match="unknown; one of full, stop_at_eos, suppress"):
        replace(BASE, end_of_text=mode)  # type: ignore[arg-type]
