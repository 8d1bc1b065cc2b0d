"""How much memory a row of a batch takes, from the shapes of the network, and how many rows there is room for.

Shapes: B rows, W canvas width (prompt and answer), K block length, G generated area, V vocabulary, D hidden size, I
width of the feed-forward layer. Leading terms only: what a kernel needs for itself and what CUDA takes beside it come
on top.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from axon.blocks import RowBlocks
from axon.layers import resolve_layers
from axon.models.model import MaskedDiffusionModel
from axon.settings import DecodeSettings

SHARE = 0.8  # of the free memory is planned with: the rest is for what is not estimated


@dataclass(frozen=True)
class Part:
    """One of the things that memory is needed for."""

    name: str
    bytes: float
    how: str


def row_parts(
    model: MaskedDiffusionModel, settings: DecodeSettings, blocks: RowBlocks, dtype: torch.dtype
) -> Iterator[Part]:
    """What a row with that canvas takes. `model` may be without weights; `dtype` is what it computes in."""
    size, config = dtype.itemsize, model.network.config
    block, width, vocabulary = settings.block, blocks.canvas, model.vocab_size
    layers, keys, head = model.key_value_shape
    heads = int(config.num_attention_heads)
    wide = 2 * model.hidden_size + (heads + 2 * keys) * head + 2 * _inner(config)
    if settings.cache != "none":
        kept = 2 * layers * keys * head + model.hidden_size
        yield Part("cache", width * kept * size, "B W keys and values of all layers, hidden states")
    if settings.cache == "block":
        width = max(blocks.prefix, block)  # what a pass computes: the prompt, then a block at a time
    yield Part("activations", width * wide * size, "B W (2 D + Q, K, V + 2 I) of one layer")
    if model.block_causal:
        yield Part("mask", width**2 * size, "B W W of the block-causal mask")
    kinds = 2 * size + 8 * (4 if settings.temperature > 0 else 1)
    named = str(dtype).removeprefix("torch.")
    yield Part("logits", block * vocabulary * kinds, f"B K V twice in {named}, and in float64 for confidence")
    if settings.decoder.name == "klass":
        yield Part("KLASS", blocks.area * vocabulary * 4, "B G V in float32, of the last step")
    if settings.reads_sinks:
        chosen = len(resolve_layers(settings.axon.attention_layers, layers))
        queries = chosen * width * (heads + keys) * head * size
        rows = block * blocks.canvas * (heads + 1) * 4
        yield Part(
            "attention", queries + rows, f"Q and K of {chosen} layers, B H K W of one layer in float32"
        )


def row_bytes(model: MaskedDiffusionModel, settings: DecodeSettings, blocks: RowBlocks) -> int:
    """What a row of a loaded model takes, at most: what is kept from step to step is there twice while rows enter."""
    parts = row_parts(model, settings, blocks, model.dtype)
    return sum(int(part.bytes) * (2 if part.name in ("cache", "KLASS") else 1) for part in parts)


def free_memory(device: torch.device) -> int | None:
    """Bytes that rows may take beside the model: of a GPU, what nobody else holds; None for a processor."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(SHARE * (free + unused))


def _inner(config: Any) -> int:
    """The width of the feed-forward layer; of experts, of those that a token goes through together."""
    experts, width = (
        getattr(config, "num_experts_per_tok", None),
        getattr(config, "moe_intermediate_size", None),
    )
    return int(experts * width) if experts and width else int(config.intermediate_size)
