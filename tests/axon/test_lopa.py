"""LoPA: its decodes beside those of the definition, and what becomes of it with a single branch."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor

from axon import AxonSettings, Confidence, DecodeSettings, Lopa, MaskedDiffusionModel, decode, load_model
from tests.axon.plain_lopa import plain_lopa
from tests.axon.test_golden import GOLDEN
from tests.axon.test_laws import COMBINATIONS, MIXED
from tests.axon.toy_model import toy_model

OFF = AxonSettings(gate="never")
TWICE = AxonSettings(gate="always", tau_sink="2x", attention_layers="last 1", max_anchor_steps=2, anchors=2)
FORMATS = [("llada", (48, 24)), ("dream", (32, 16)), ("sdar", (32, 8))]


@cache
def golden(family: str) -> tuple[dict[str, Any], dict[str, Tensor], MaskedDiffusionModel, list[list[int]]]:
    folder = GOLDEN / f"{family}-tiny"
    cases = json.loads((GOLDEN / f"{family}.json").read_text())["cases"]
    config = json.loads((folder / "config.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    return config, tensors, load_model(folder), [case["prompt"] for case in cases]


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
@pytest.mark.parametrize(
    ("family", "lengths", "axon", "threshold", "branches"),
    [  # any two of them meet
        (*FORMATS[(row + column) % 3], axon, threshold, 2 + (row + 2 * column) % 3)
        for row, axon in enumerate([OFF, TWICE, replace(TWICE, combine="union")])
        for column, threshold in enumerate([0.9, 0.6, 0.4])
    ],
    ids=str,
)
def test_decodes_are_those_of_the_definition(
    family: str, axon: AxonSettings, threshold: float, branches: int, lengths: tuple[int, int]
) -> None:
    """Tokens, what a step reveals, and how many guesses are kept. Where AXON reveals, the definition is told what."""
    config, tensors, model, prompts = golden(family)
    settings = DecodeSettings(*lengths, decoder=Lopa(threshold=threshold, branches=branches), axon=axon)
    both = [prompts[0], next(prompt for prompt in prompts if len(prompt) != len(prompts[0]))]
    traces = decode(model, both, settings)
    for prompt, trace in zip(both, traces, strict=True):
        events = trace.events

        def overrule(step: int, proposed: list[int]) -> list[int]:
            chosen = [event.position for event in events if event.step == step and event.by != "decoder"]  # noqa: B023
            return chosen or proposed

        tokens, steps = plain_lopa(
            config, tensors, prompt, lengths, threshold, branches, model.block_causal, overrule
        )
        assert list(trace.tokens) == tokens
        found = [[event.position for event in events if event.step == step] for step in range(trace.nfe)]
        assert found == [sorted(ahead + revealed) for ahead, revealed in steps]
        assert trace.ahead == sum(len(ahead) for ahead, _ in steps)
        assert bool(trace.axon_steps) == (axon is not OFF)
    assert sum(trace.ahead for trace in traces)


@pytest.mark.parametrize("axon", [OFF, TWICE], ids=str)
@pytest.mark.parametrize("family", ["llada", "dream", "sdar"])
def test_with_one_branch_it_is_the_confidence_rule(family: str, axon: AxonSettings) -> None:
    """That has leeway, which `lopa` does not tell."""
    one, plain = Lopa(threshold=0.5, branches=1), Confidence(threshold=0.5)
    for cache_kind in ("none", "block" if family == "sdar" else "prefix"):
        settings: Any = {"axon": axon, "cache": cache_kind, "sink_rows": "visible"}
        ours, others = (
            decode(toy_model(family), MIXED, DecodeSettings(16, 8, decoder=decoder, **settings))
            for decoder in (one, plain)
        )
        assert ours == others


def test_what_is_all_but_certain_needs_no_second_look() -> None:
    """Where every step reveals the whole block there is nothing to guess: as many steps and calls as blocks."""
    settings = DecodeSettings(16, 8, decoder=Lopa(threshold=0.0), axon=OFF)
    for trace in decode(toy_model(), MIXED, settings):
        assert (trace.nfe, trace.ahead, trace.computed_positions) == (2, 0, 2 * (len(trace.prompt) + 16))


def test_a_guess_is_told_with_the_confidence_that_it_was_guessed_with() -> None:
    """The step before it found that; the one which keeps it sees it written."""
    settings = replace(COMBINATIONS["lopa, never"], decoder=Lopa(threshold=0.99, branches=3))
    beliefs: list[dict[int, float]] = []

    class Seen:
        def asked(self, *given: Any) -> None: ...

        def chose(self, *given: Any) -> None: ...

        def stepped(self, batch: Any, state: Any, proposal_BK: Tensor) -> None:
            places, c = state.places_BK[0].tolist(), state.confidence_BK[0].tolist()
            beliefs.append(dict(zip(places, c, strict=True)))

    [trace] = decode(toy_model(), MIXED[:1], settings, watcher=Seen())
    told = dict(zip(trace.events, trace.confidences, strict=True))
    late = [event for event in trace.events if told[event] != beliefs[event.step][event.position]]
    assert len(late) == trace.ahead > 0
    assert all(told[event] == beliefs[event.step - 1][event.position] for event in late)


@pytest.mark.parametrize("kind", ["block", "prefix", "dual"])
def test_a_cache_is_refused(kind: Any) -> None:
    with pytest.raises(
        ValueError, match=rf"^cache='{kind}': decoder lopa computes 3 canvases .*; use none, "
    ):
        DecodeSettings(8, 4, decoder=Lopa(), cache=kind, sink_rows="visible")


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Lopa(threshold=1.1), r"^decoder\.threshold=1\.1: "),
        (lambda: Lopa(branches=0), r"^decoder\.branches=0: "),
        (
            lambda: DecodeSettings(8, 4, decoder=Lopa(branches=5)),
            r"^decoder\.branches=5: must be at most block_length=4; lower",
        ),
    ],
)
def test_wrong_values_are_told(make: Any, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        make()
