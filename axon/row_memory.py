"""How much memory a row of a batch takes, from the shapes of the network, and how many rows there is room for.

Shapes: B rows, W canvas width (prompt and answer), K block length, G generated area, V vocabulary, D hidden size, I
width of the feed-forward layer. Leading terms only: what a kernel needs for itself and what CUDA takes beside it come
on top.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from axon.blocks import RowBlocks
from axon.layers import resolve_layers
from axon.models.shape import NetworkShape
from axon.settings import DecodeSettings

ON_PROCESSOR = 32  # rows at once where no number is given: there more are no faster
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}  # of a number


@dataclass(frozen=True)
class Part:
    """One of the things that memory is needed for."""

    name: str
    bytes: float
    how: str


def row_parts(shape: NetworkShape, settings: DecodeSettings, blocks: RowBlocks, dtype: str) -> Iterator[Part]:
    """What a row with that canvas takes. `dtype`: a name in BYTES, what the network computes in."""
    branches = settings.decoder.branches
    for part in _canvas_parts(shape, settings, blocks, dtype):
        many = f"{branches} canvases: " if branches > 1 else ""
        yield Part(part.name, branches * part.bytes, f"{many}{part.how}")


def _canvas_parts(
    shape: NetworkShape, settings: DecodeSettings, blocks: RowBlocks, dtype: str
) -> Iterator[Part]:
    """What one canvas takes."""
    size, block, width = BYTES[dtype], settings.block, blocks.canvas
    wide = 2 * shape.hidden + (shape.heads + 2 * shape.key_heads) * shape.head + 2 * shape.feed_forward
    if settings.cache != "none":
        kept = 2 * shape.layers * shape.key_heads * shape.head + shape.hidden
        yield Part("cache", width * kept * size, "B W keys and values of all layers, hidden states")
    if settings.cache == "block":
        width = max(blocks.prefix, block)  # what a pass computes: the prompt, then a block at a time
    yield Part("activations", width * wide * size, "B W (2 D + Q, K, V + 2 I) of one layer")
    if settings.decoder.needs_shadow:
        own = block * (wide + width + block)
        yield Part("shadow", own * size, "B K of the same, B K (W + K) of its mask")
    if shape.block_causal:
        yield Part("mask", width**2 * size, "B W W of the block-causal mask")
    kinds = 2 * size + 8 * (4 if settings.temperature > 0 else 1)
    twice = f"twice in {dtype}"
    if settings.decoder.boosts and size < BYTES["float32"]:
        kinds, twice = kinds + BYTES["float32"], f"{twice}, boosted in float32"
    logits = block * shape.vocabulary * kinds
    yield Part("logits", logits, f"B K V {twice}, and in float64 for confidence")
    if settings.decoder.name == "klass":
        yield Part("KLASS", blocks.area * shape.vocabulary * 4, "B G V in float32, of the last step")
    if settings.decoder.name == "credit":
        yield Part("credit", block**2 * 16, "B K K tokens and their credit, of the block's steps")
    if settings.reads_attention:
        chosen = len(resolve_layers(settings.axon.attention_layers, shape.layers))
        queries = chosen * width * (shape.heads + shape.key_heads) * shape.head * size
        rows = block * blocks.canvas * (shape.heads + 1) * 4
        yield Part(
            "attention", queries + rows, f"Q and K of {chosen} layers, B H K W of one layer in float32"
        )


def row_bytes(shape: NetworkShape, settings: DecodeSettings, blocks: RowBlocks, dtype: str) -> int:
    """What a row takes at most: what is kept from step to step is there twice while rows enter."""
    parts = row_parts(shape, settings, blocks, dtype)
    return sum(int(part.bytes) * (2 if part.name in ("cache", "KLASS", "credit") else 1) for part in parts)
