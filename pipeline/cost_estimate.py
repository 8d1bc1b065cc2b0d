"""What decoding will cost: FLOPs and memory from the shapes of the network, whose weights need not be there.

Shapes in comments: B batch, W canvas width (prompt and answer), K block length, G generated length, V vocabulary, D
hidden size, H attention heads of size A, I width of the feed-forward layer. Leading terms only: what a kernel needs
for itself and what CUDA takes beside it come on top.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from axon.blocks import RowBlocks, row_blocks
from axon.layers import resolve_layers
from axon.models.description import Description
from axon.models.size import size_of
from pipeline.config import Decode

# Dense bfloat16 multiply-adds as two operations, by the makers' data sheets (NVIDIA H100 SXM, A100).
PEAK_FLOPS = {"H100": 989e12, "A100": 312e12}
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
SHARE = 0.3  # of the peak: an assumption; batch 1 reaches a few per cent only
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Part:
    """One of the things that memory is needed for."""

    name: str
    bytes: float
    how: str


class Network:
    """The network of a checkpoint, without its weights."""

    def __init__(self, described: Description) -> None:
        self._described = described
        self._size = size_of(described)

    @property
    def max_length(self) -> int:
        return self._described.max_length

    @property
    def parameters(self) -> int:
        """Those that are stored: an output layer tied to the embedding counts once."""
        return self._size.parameters

    def flops(self, decode: Decode, prompt: float, steps: float) -> float:
        """Of one row that fills its canvas in so many steps, by the formula of the records' `flops`.

        For DAWN the most there can be.
        """
        blocks, decoder, logits = canvas(decode, round(prompt)), decode.decoder, decode.block
        if (
            decoder.reads == "sequence"
        ):  # KLASS follows what is generated, DAWN what is decoded, the prompt too
            logits += blocks.canvas if decoder.needs_attention else blocks.area
        computed, pairs = (_cached if decode.cache == "block" else _uncached)(blocks, steps)
        own, described = self._size, self._described
        hidden = int(described.network["hidden_size"])
        return (
            2.0 * own.linear_per_position * computed
            + 4.0 * described.num_layers * own.heads * own.head * pairs
            + 2.0 * hidden * described.vocab_size * steps * logits
        )

    def memory(self, decode: Decode, prompt: int, batch: int, dtype: str) -> Iterator[Part]:
        """At the batch asked for, with the longest prompt."""
        size, own = BYTES[dtype], self._size
        hidden = int(self._described.network["hidden_size"])
        blocks, block, vocabulary = canvas(decode, prompt), decode.block, self._described.vocab_size
        width = blocks.canvas
        yield Part("weights", self.parameters * size, f"{self.parameters / 1e9:.2f} G parameters in {dtype}")
        heads, keys, head = own.heads, own.key_heads, own.head
        wide = 2 * hidden + (heads + 2 * keys) * head + 2 * own.feed_forward
        if decode.cache == "block":
            kept = 2 * self._described.num_layers * keys * head + hidden
            yield Part(
                "cache", batch * width * kept * size, "B W keys and values of all layers, hidden states"
            )
            width = max(blocks.prefix, block)  # what a pass computes: the prompt, then a block at a time
        yield Part("activations", batch * width * wide * size, "B W (2 D + Q, K, V + 2 I) of one layer")
        if self._described.family.block_causal:
            yield Part("mask", batch * width**2 * size, "B W W of the block-causal mask")
        kinds = 2 * size + 8 * (4 if decode.temperature > 0 else 1)
        yield Part(
            "logits",
            batch * block * vocabulary * kinds,
            f"B K V twice in {dtype}, and in float64 for confidence",
        )
        if decode.decoder.name == "klass":
            yield Part("KLASS", batch * blocks.area * vocabulary * 4, "B G V in float32, of the last step")
        if decode.axon.gate != "never" or decode.decoder.needs_attention:
            layers = len(resolve_layers(decode.axon.attention_layers, self._described.num_layers))
            kept = layers * batch * width * (heads + keys) * head * size
            rows = batch * block * blocks.canvas * (heads + 1) * 4
            yield Part(
                "attention", kept + rows, f"Q and K of {layers} layers, B H K W of one layer in float32"
            )


def canvas(decode: Decode, prompt: int) -> RowBlocks:
    return row_blocks(prompt, decode.gen_length, decode.block, decode.block_alignment)


def most_passes(decode: Decode, prompt: int) -> int:
    """Of one row: a step reveals at least one token, and `fixed_steps` alone takes the steps that it is given."""
    blocks = canvas(decode, prompt)
    steps = getattr(decode.decoder, "steps", None)
    if steps is not None and decode.axon.gate == "never":
        return int(steps) * blocks.count * decode.block // decode.gen_length
    return blocks.area - blocks.given


def _uncached(blocks: RowBlocks, steps: float) -> tuple[float, float]:
    """Positions computed, and pairs of such a position and a column that it is compared with."""
    return steps * blocks.canvas, steps * blocks.canvas**2


def _cached(blocks: RowBlocks, steps: float) -> tuple[float, float]:
    """The same with the block cache: the prompt once, each block in its share of the steps, all but the last once more.

    A block's share is that of the positions which it generates.
    """
    computed, pairs = float(blocks.prefix), float(blocks.prefix**2)
    for block in range(blocks.count):
        generated = blocks.block_length - (blocks.given if block == 0 else 0)
        passes = steps * generated / (blocks.area - blocks.given) + (block + 1 < blocks.count)
        computed += passes * blocks.block_length
        pairs += passes * blocks.block_length * (blocks.prefix + (block + 1) * blocks.block_length)
    return computed, pairs


def gpu_hours(flops: float) -> dict[str, float]:
    """By device, at SHARE of its peak."""
    return {name: flops / (peak * SHARE) / SECONDS_PER_HOUR for name, peak in PEAK_FLOPS.items()}
