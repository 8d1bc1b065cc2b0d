"""`top_p`: which tokens are left, and what a decode makes of them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from axon import Confidence, DecodeSettings, LeftToRight, MaskedDiffusionModel, decode
from axon.nucleus import nucleus
from tests.axon.test_laws import COMBINATIONS, MIXED, law
from tests.axon.toy_model import MASK, VOCAB

BASE = COMBINATIONS["confidence, never"]


@law(100)
@given(
    logits=st.lists(st.integers(-6, 6), min_size=VOCAB, max_size=VOCAB),
    temperature=st.sampled_from([0.1, 0.7, 1.0, 3.0]),
    top_p=st.sampled_from([1e-6, 0.3, 0.5, 0.9, 0.999, 1.0]),
)
def test_the_nucleus_is_the_shortest_list_of_likeliest_tokens_past_top_p(
    logits: list[int], temperature: float, top_p: float
) -> None:
    """One token at a time; the mask token is left out before anything is summed, and equals keep their order."""
    weights = {token: math.exp(logit / temperature) for token, logit in enumerate(logits) if token != MASK}
    total, reached, kept = sum(weights.values()), 0.0, []
    for token in sorted(weights, key=lambda one: -weights[one]):
        if reached > top_p + 1e-12:
            break
        kept.append(token)
        reached += weights[token] / total
    found = nucleus(torch.tensor(logits, dtype=torch.float32), MASK, temperature, top_p)
    assert found.isfinite().nonzero()[:, 0].tolist() == sorted(kept)
    expected = torch.tensor(logits, dtype=torch.float64)[sorted(kept)] / temperature
    torch.testing.assert_close(found[sorted(kept)], expected)


def test_of_a_nucleus_of_one_token_sampling_is_greedy_and_sure(model: MaskedDiffusionModel) -> None:
    seeds = list(range(len(MIXED)))
    greedy = replace(BASE, decoder=LeftToRight())
    narrow = replace(greedy, temperature=2.0, top_p=1e-9)
    assert decode(model, MIXED, narrow, seeds=seeds) == decode(model, MIXED, greedy)
    sure = replace(narrow, decoder=Confidence(threshold=1.0))  # confidence is that of the nucleus: 1
    assert all(trace.nfe == 2 for trace in decode(model, MIXED, sure, seeds=seeds))


def test_a_whole_nucleus_draws_the_same_tokens_as_none(model: MaskedDiffusionModel) -> None:
    """What differs is the confidence: Dream's is at the temperature, LLaDA's at temperature 1."""
    seeds = list(range(len(MIXED)))
    free = replace(BASE, decoder=LeftToRight(), temperature=0.7)
    assert decode(model, MIXED, replace(free, top_p=1.0), seeds=seeds) == decode(
        model, MIXED, free, seeds=seeds
    )
    asked = replace(free, decoder=BASE.decoder)
    assert decode(model, MIXED, replace(asked, top_p=1.0), seeds=seeds) != decode(
        model, MIXED, asked, seeds=seeds
    )


@pytest.mark.parametrize(
    ("temperature", "top_p", "rule"),
    [
        (0.0, 0.9, r"^top_p=0.9: limits sampling, and temperature=0 samples nothing; choose null"),
        (0.7, 0.0, r"^top_p=0.0: must be above 0 and at most 1;"),
        (0.7, 1.5, r"^top_p=1.5: must be above 0 and at most 1;"),
    ],
)
def test_a_top_p_without_effect_is_refused(temperature: float, top_p: float, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        DecodeSettings(temperature=temperature, top_p=top_p)


def test_a_token_that_reaches_top_p_exactly_does_not_take_the_sum_past_it() -> None:
    """Dream's rule asks for more than top_p before the next one is left out."""
    found = nucleus(torch.tensor([5.0, 2.0, 5.0, -torch.inf]), 3, 1e-3, 0.5)
    assert found.isfinite().tolist() == [True, False, True, False]
