"""What a row takes: the tensors that a decode makes, counted for a shape whose sizes can't be mistaken for another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from axon import AxonSettings, Confidence, Credit, Dawn, DecodeSettings, Klass, Lopa, Wino
from axon.blocks import RowBlocks, row_blocks
from axon.key_values import KeyValues
from axon.models.shape import NetworkShape
from axon.row_memory import BYTES, row_bytes, row_parts
from tests.axon.toy_model import toy_model

# Primes, so that a product tells what it is made of.
SHAPE = NetworkShape(
    layers=5, hidden=7, heads=11, key_heads=3, head=13, feed_forward=17, vocabulary=101, block_causal=False
)
D, H, G, A, F, V = 7, 11, 3, 13, 17, 101
K, AREA, PREFIX = 4, 8, 15
W = PREFIX + AREA
BLOCKS = RowBlocks(PREFIX, 0, AREA // K, K)
ALONE = AxonSettings(gate="never")
PLAIN = DecodeSettings(gen_length=AREA, block_length=K, decoder=Confidence(), axon=ALONE)


def parts(settings: DecodeSettings, dtype: str = "float32", **shape: Any) -> dict[str, float]:
    return {part.name: part.bytes for part in row_parts(replace(SHAPE, **shape), settings, BLOCKS, dtype)}


@pytest.mark.parametrize("dtype", BYTES)
def test_what_every_decode_takes(dtype: str) -> None:
    """Of one layer a position's input and residual, Q, K, V, and two of the feed-forward's width; twice the logits."""
    size = torch.empty(0, dtype=getattr(torch, dtype)).element_size()
    assert parts(PLAIN, dtype) == {
        "activations": W * (D + D + H * A + G * A + G * A + F + F) * size,
        "logits": K * V * (size + size + 8),
    }


def test_drawing_tokens_takes_four_copies_in_float64() -> None:
    drawn = parts(replace(PLAIN, temperature=0.5))
    assert drawn == parts(PLAIN) | {"logits": K * V * (4 + 4 + 4 * 8)}


def test_each_branch_takes_what_a_canvas_takes() -> None:
    assert parts(replace(PLAIN, decoder=Lopa(branches=3))) == {
        name: 3 * own for name, own in parts(PLAIN).items()
    }


def test_boosted_logits_are_float32_at_least() -> None:
    credit = replace(PLAIN, decoder=Credit())
    for dtype, more in (("float32", 0), ("bfloat16", K * V * 4)):
        assert parts(credit, dtype)["logits"] == parts(PLAIN, dtype)["logits"] + more


def test_a_mask_is_added_to_the_scores_of_each_pair_of_columns() -> None:
    assert parts(PLAIN, "float16", block_causal=True) == parts(PLAIN, "float16") | {"mask": W * W * 2}


@pytest.mark.parametrize("dtype", BYTES)
def test_what_is_kept_from_step_to_step(dtype: str) -> None:
    """KLASS's probabilities of the step before are float32, whatever the network computes in."""
    assert parts(replace(PLAIN, decoder=Klass()), dtype)["KLASS"] == AREA * V * 4
    steps = Credit().new_state(1, AREA, K, V, torch.device("cpu"))
    assert parts(replace(PLAIN, decoder=Credit()), dtype)["credit"] == sum(
        own.nbytes for own in vars(steps).values()
    )
    model = toy_model()
    kept = KeyValues.none(model, 1)
    kept.widen(W)
    stored = sum(own.nbytes for own in (kept.keys_BLGWA, kept.values_BLGWA, kept.hidden_BWD))
    size = torch.empty(0, dtype=getattr(torch, dtype)).element_size()
    for cache in ("prefix", "dual", "block"):
        cached = replace(PLAIN, cache=cache)
        [found] = [part for part in row_parts(model.shape, cached, BLOCKS, dtype) if part.name == "cache"]
        assert found.bytes == stored / 4 * size


def test_with_the_block_cache_a_pass_computes_the_prompt_or_a_block() -> None:
    each = parts(PLAIN)["activations"] / W
    cached = replace(PLAIN, cache="block")
    assert parts(cached)["activations"] == PREFIX * each
    short = {part.name: part.bytes for part in row_parts(SHAPE, cached, RowBlocks(1, 0, 2, K), "float32")}
    assert short["activations"] == K * each
    assert parts(replace(PLAIN, cache="dual"))["activations"] == W * each


@pytest.mark.parametrize(
    "settings",
    [
        replace(PLAIN, axon=AxonSettings(attention_layers="last 2")),
        replace(PLAIN, decoder=Dawn(), axon=AxonSettings(gate="never", attention_layers="0,3")),
    ],
    ids=["axon", "dawn"],
)
@pytest.mark.parametrize("dtype", BYTES)
def test_attention_is_kept_of_the_chosen_layers_and_made_of_one_at_a_time(
    settings: DecodeSettings, dtype: str
) -> None:
    """Maps over the block's rows are float32, one a head and their mean."""
    size = torch.empty(0, dtype=getattr(torch, dtype)).element_size()
    assert parts(settings, dtype)["attention"] == 2 * W * (H + G) * A * size + K * W * (H + 1) * 4


@pytest.mark.parametrize("decoder", [Confidence(), Klass(), Credit()])
@pytest.mark.parametrize("cache", ["none", "prefix"])
def test_what_is_kept_is_there_twice_while_rows_enter(decoder: Any, cache: Any) -> None:
    settings = replace(PLAIN, decoder=decoder, cache=cache)
    found = parts(settings)
    twice = sum(found.get(name, 0) for name in ("cache", "KLASS", "credit"))
    assert row_bytes(SHAPE, settings, BLOCKS, "float32") == sum(found.values()) + twice


@pytest.mark.parametrize("dtype", BYTES)
def test_a_shadow_is_a_block_more_that_sees_the_canvas_and_itself(dtype: str) -> None:
    each, size = (
        parts(PLAIN, dtype)["activations"] / W,
        torch.empty(0, dtype=getattr(torch, dtype)).element_size(),
    )
    mask = K * (W + K) * size
    assert parts(replace(PLAIN, decoder=Wino()), dtype) == parts(PLAIN, dtype) | {"shadow": K * each + mask}


def test_a_longer_row_takes_more() -> None:
    taken = [row_bytes(SHAPE, PLAIN, row_blocks(n, AREA, K, "prompt"), "float32") for n in (1, 10, 100)]
    assert taken == sorted(set(taken))
