"""How `fixed_steps` ranks: every step of a decode, compared with the ranking worked out one token at a time."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from axon import AxonSettings, DecodeSettings, FixedSteps, MaskedDiffusionModel, decode
from axon.decoders.fixed_steps import Remasking
from axon.laws.rows import decode_rows
from tests.axon.toy_model import MASK, toy_model

GEN, STEPS = 12, 5
QUOTAS = [3, 3, 2, 2, 2]  # 12 positions over 5 steps
PROMPTS = [[1, 2, 3], [4, 5, 6, 7, 8, 9], [10], [11, 12, 13, 14]]
SAMPLED = [(0.0, None), (0.8, None), (0.8, 0.7), (1.5, 0.95)]


def settings(remasking: Remasking, temperature: float = 0.0, top_p: float | None = None) -> DecodeSettings:
    return DecodeSettings(
        GEN,
        GEN,
        temperature,
        top_p=top_p,
        decoder=FixedSteps(steps=STEPS, remasking=remasking),
        axon=AxonSettings(gate="never"),
    )


def logits_of(model: MaskedDiffusionModel, tokens: list[int]) -> list[list[float]]:
    """Of every generated position, by a pass over the bare network."""
    whole = torch.zeros(1, 1, len(tokens), len(tokens))
    with torch.inference_mode():
        found = model.network(torch.tensor([tokens]), attention_mask=whole, use_cache=False).logits[0]
    shift = model._family.shift
    rows: list[list[float]] = found[len(tokens) - GEN - shift : len(tokens) - shift].tolist()
    return rows


def probabilities(logits: list[float], temperature: float, top_p: float | None) -> list[float]:
    """Of each token where confidence is read: at temperature 1, or with top_p of what is drawn from."""
    weights = [math.exp(logit / (temperature if top_p else 1.0)) for logit in logits]
    if top_p:
        weights[MASK] = 0.0
        total, reached = sum(weights), 0.0
        for token in sorted(range(len(weights)), key=lambda one: -weights[one]):
            if reached > top_p:
                weights[token] = 0.0
            else:
                reached += weights[token] / total
    return [weight / sum(weights) for weight in weights]


def sureness(chances: list[float], remasking: str) -> float:
    """Dream's `sample_tokens` for alg=entropy and topk_margin."""
    if remasking == "entropy":
        return sum(chance * math.log(chance) for chance in chances if chance > 0)
    *_, second, first = sorted(chances)
    return first - second


@pytest.mark.parametrize(("temperature", "top_p"), SAMPLED)
@pytest.mark.parametrize("remasking", ["entropy", "topk_margin"])
@pytest.mark.parametrize("family", ["llada", "dream"])
def test_a_step_reveals_what_dreams_sampler_ranks_first(
    family: str, remasking: Any, temperature: float, top_p: float | None
) -> None:
    model = toy_model(family)
    for trace in decode_rows(model, PROMPTS, settings(remasking, temperature, top_p), 3):
        canvas = [*trace.prompt, *[MASK] * GEN]
        for step, quota in enumerate(QUOTAS):
            rows = logits_of(model, canvas)
            score = {
                place: sureness(probabilities(rows[place], temperature, top_p), remasking)
                for place in range(GEN)
                if canvas[len(trace.prompt) + place] == MASK
            }
            best = sorted(score, key=lambda place: -score[place])[:quota]
            revealed = [event for event in trace.events if event.step == step]
            assert sorted(best) == [event.position for event in revealed]
            for event in revealed:
                canvas[len(trace.prompt) + event.position] = event.token
                if temperature == 0:
                    chances = [*rows[event.position]]
                    chances[MASK] = -math.inf
                    assert event.token == max(range(len(chances)), key=lambda one: chances[one])
        assert trace.nfe == STEPS and canvas[len(trace.prompt) :] == [*trace.tokens]


def test_the_three_rankings_are_not_the_same() -> None:
    model = toy_model("dream")
    orders = [
        [trace.revealed_at for trace in decode(model, PROMPTS, settings(remasking))]
        for remasking in ("low_confidence", "entropy", "topk_margin")
    ]
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_confidence_can_not_be_held_back_where_it_is_not_read() -> None:
    for remasking in ("entropy", "topk_margin"):
        with pytest.raises(ValueError, match=r"^end_of_text='confidence_eos_eot_inf': .* fixed_steps as set"):
            DecodeSettings(
                GEN, GEN, end_of_text="confidence_eos_eot_inf", decoder=FixedSteps(remasking=remasking)
            )
