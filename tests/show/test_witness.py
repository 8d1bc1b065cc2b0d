"""A decode that is watched is the same decode, and what is seen is what decided it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from axon import (
    AxonSettings,
    Confidence,
    DecodeSettings,
    MaskedDiffusionModel,
    decode,
    load_model,
    load_tokenizer,
)
from axon.decoders import Dawn
from axon.gates import GATES
from axon.settings import DecoderSettings
from pipeline.show.frames import Comparison, frames
from pipeline.show.gate_values import RULES
from pipeline.show.witness import Witness

TINY = Path(__file__).resolve().parents[2] / "assets" / "tiny"
PROMPT = "11; add 5, minus 3; times 2, minus 4; add 1, add 2=?"

# So that each rule of a gate decides somewhere.
NUMBERS: tuple[dict[str, float], ...] = (
    {"beta_r": 0.5, "beta_u": 0.01, "warmup": 1, "target_nfe": 4, "alpha": 0.9},
    {"beta_r": 0.01, "beta_u": 3.0, "warmup": 2, "target_nfe": 2, "alpha": 0.1},
)


@cache
def tiny() -> tuple[MaskedDiffusionModel, list[int]]:
    tokenizer = load_tokenizer(TINY)
    return load_model(TINY), tokenizer.encode(PROMPT, add_special_tokens=False)


def fires(gate: str, rules: tuple[Comparison, ...], nothing: bool) -> bool:
    """As docs/method.md says, of the conditions that are shown."""
    gap = any(rule.holds for rule in rules if rule.name == "coverage")
    pace = all(rule.holds for rule in rules if rule.name == "progress")
    return {
        "always": True,
        "coverage_gap": gap,
        "progress_stall": pace,
        "adaptive_coverage": gap if any(rule.name == "coverage" for rule in rules) else pace,
        "unified": gap and (nothing or pace),
        "cp_alpha": gap,
    }[gate]


@pytest.mark.slow
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("decoder", [Confidence(threshold=0.7), Dawn()], ids=lambda one: one.name)
def test_what_is_seen_decided_the_step(gate: str, decoder: DecoderSettings) -> None:
    model, prompt = tiny()
    for numbers in NUMBERS:
        axon = AxonSettings(gate=gate, anchors=2, max_anchor_steps=2, tau_sink="4x", **numbers)  # type: ignore[arg-type]
        settings = DecodeSettings(gen_length=24, block_length=12, decoder=decoder, axon=axon)
        witness = Witness(axon)
        [trace] = decode(model, [prompt], settings, watcher=witness)
        assert trace == decode(model, [prompt], settings)[0]
        made = frames(trace.tokens, trace.events, trace.nfe, witness.seen)
        assert len(witness.seen) == trace.nfe
        assert sum(frame.seen.gate is not None for frame in made if frame.seen) == trace.gate_checks
        assert sum(len(frame.anchors) for frame in made) == trace.anchors
        masked = set(range(len(trace.tokens)))
        for frame in made:
            seen = frame.seen
            assert seen is not None
            block = set(range(*seen.block))
            assert set(seen.confidence) == set(seen.guesses) == masked & block
            assert all(event.token == seen.guesses[event.position] for event in frame.events)
            assert (frame.step in trace.axon_steps) == (seen.gate is not None and seen.gate.fired)
            if seen.gate:
                assert seen.gate.fired == fires(gate, seen.gate.comparisons, not seen.proposal)
            if frame.by == "decoder":
                assert frame.revealed == seen.proposal and not seen.anchors
            else:
                assert frame.revealed == tuple(sorted(anchor.position for anchor in frame.anchors))
                supported = any(anchor.supports for anchor in frame.anchors)
                assert supported == (frame.by == "axon") or len(masked & block) == 1
            for anchor in seen.anchors:
                weights = [weight for _, weight in anchor.supports]
                assert weights == sorted(weights, reverse=True) and all(weight > 0 for weight in weights)
                assert {place for place, _ in anchor.supports} <= masked & block - {anchor.position}
            masked -= set(frame.revealed)


def test_every_gate_that_compares_something_is_explained() -> None:
    assert set(RULES) == set(GATES) - {"never", "always"}
