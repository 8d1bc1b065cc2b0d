"""A trace holds the confidence with which each token was revealed: that of its step, whatever the batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from axon import MaskedDiffusionModel, decode
from axon.batch import Batch
from axon.state import StepState
from axon.trace import NOT_DECODED
from tests.axon.test_laws import COMBINATIONS

PROMPTS = [[1, 2, 3], [4], [5, 6, 7, 8, 9], [10, 2]]
SETTINGS = {
    "decoder alone": COMBINATIONS["confidence, never"],
    "anchors": COMBINATIONS["confidence, always"],
    "masks again": COMBINATIONS["remasking, never"],
    "wino": COMBINATIONS["wino, coverage_gap"],
    "replaces": COMBINATIONS["editing, never"],
    "sampled": COMBINATIONS["temperature"],
    "top_p": COMBINATIONS["top_p"],
    "dual cache": replace(COMBINATIONS["confidence, always"], cache="dual"),
    "absolute": replace(COMBINATIONS["confidence, always"], block_alignment="absolute"),
}


class Seen:
    """Confidence and likeliest token of every position of every step, by row, step and position."""

    def __init__(self) -> None:
        self.told: dict[tuple[int, int, int], tuple[float, int]] = {}

    def asked(self, *_: object) -> None: ...

    def chose(self, *_: object) -> None: ...

    def stepped(self, batch: Batch, state: StepState, proposal_BK: torch.Tensor) -> None:
        position_BK = state.places_BK - batch.given_B[:, None]
        for place, row in enumerate(batch.rows):
            step = int(batch.pace.steps_B[place])
            told = zip(state.confidence_BK[place].tolist(), state.token_BK[place].tolist(), strict=True)
            for position, own in zip(position_BK[place].tolist(), told, strict=True):
                self.told[row, step, position] = own


@pytest.mark.parametrize("name", SETTINGS)
def test_confidences_are_those_of_the_steps_that_revealed(name: str, model: MaskedDiffusionModel) -> None:
    """Two rows at once and two that wait, so that rows leave and enter while the log is kept."""
    seen, setting = Seen(), SETTINGS[name]
    traces = decode(model, PROMPTS, setting, seeds=[1, 2, 3, 4], batch_size=2, watcher=seen)
    alone = [
        decode(model, [prompt], setting, seeds=[seed])[0] for seed, prompt in enumerate(PROMPTS, start=1)
    ]
    assert len({confidence for trace in traces for confidence in trace.confidences}) > 1
    for row, (trace, single) in enumerate(zip(traces, alone, strict=True)):
        told = {}
        for event, confidence in zip(trace.events, trace.confidences, strict=True):
            if event.kind == "reveal":
                assert seen.told[row, event.step, event.position] == (confidence, event.token)
            told[event.position] = confidence if event.kind == "reveal" else None
        assert trace.revealed_with == tuple(told.get(position) for position in range(len(trace.tokens)))
        assert single == trace  # what differs in the last digits makes no other decode
        assert single.confidences == pytest.approx(trace.confidences, rel=1e-4)


def test_what_no_step_revealed_has_no_confidence(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "end_token_ids", tuple(range(2, 12)))
    traces = decode(model, PROMPTS, replace(COMBINATIONS["confidence, always"], end_of_text="stop_at_eos"))
    assert any(NOT_DECODED in trace.revealed_at for trace in traces)
    for trace in traces:
        unknown = [confidence is None for confidence in trace.revealed_with]
        assert unknown == [step == NOT_DECODED for step in trace.revealed_at]
