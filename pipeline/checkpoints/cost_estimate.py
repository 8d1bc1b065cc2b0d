"""What decoding will cost: FLOPs and memory from the shapes of the network, whose weights need not be there.

What a row takes is axon/row_memory.py's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from axon.blocks import RowBlocks, row_blocks
from axon.decoders.fixed_steps import steps_of_block
from axon.models.description import Description
from axon.models.family import Family
from axon.models.size import size_of
from axon.row_memory import BYTES, Part, row_parts
from pipeline.counted import parameters_text
from pipeline.inputs.config import Decode

# Dense bfloat16 multiply-adds as two operations, by the makers' data sheets (NVIDIA H100 SXM, A100).
PEAK_FLOPS = {"H100": 989e12, "A100": 312e12}
SHARE = 0.3  # of the peak
# Networks of 8B parameters on an H200, batch 1 and 8, canvases of 512 to 2,048 tokens (LOG.md, 2026-11-27).
MEASURED = "measured on an H200: 46 to 52 % without a cache, 15 to 32 % with one"
SECONDS_PER_HOUR = 3600


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
        """Of one row that fills its canvas in so many steps, by the formula of the records.

        For DAWN the most there can be.
        """
        blocks, decoder, logits = canvas(decode, round(prompt)), decode.decoder, decode.block
        if (
            decoder.reads == "sequence"
        ):  # KLASS follows what is generated, DAWN what is decoded, the prompt too
            logits += blocks.canvas if decoder.needs_attention else blocks.area
        computed, pairs = _PASSES[decode.cache](blocks, steps)
        if decoder.needs_shadow:
            logits += decode.block
            computed += steps * decode.block
            pairs += steps * decode.block * (blocks.canvas + decode.block)
        # A block's first step computes one canvas.
        further = (decoder.branches - 1) * max(0.0, steps - blocks.count)
        computed, pairs = computed + further * blocks.canvas, pairs + further * blocks.canvas**2
        looked_at = steps * logits + further * decode.block
        return self._size.shape.flops(self._size.linear_per_position, computed, pairs, looked_at)

    def memory(self, decode: Decode, prompt: int, batch: int, dtype: str) -> Iterator[Part]:
        """At the batch asked for, with the longest prompt."""
        weights = self.parameters * BYTES[dtype]
        yield Part("weights", weights, f"{parameters_text(self.parameters)} in {dtype}")
        for part in row_parts(self._size.shape, decode, canvas(decode, prompt), dtype):
            yield replace(part, bytes=batch * part.bytes)


def canvas(decode: Decode, prompt: int) -> RowBlocks:
    return row_blocks(prompt, decode.gen_length, decode.block, decode.block_alignment)


def most_passes(decode: Decode, prompt: int, family: Family) -> int:
    """Of one row: a step reveals at least one token, and `fixed_steps` alone takes the steps that it is given, `dus` a
    block's share of its own.

    It may take more where a block's first position is revealed alone, or the block goes by sub-blocks; and so may a
    decoder that takes tokens back.
    """
    blocks = canvas(decode, prompt)
    steps = getattr(decode.decoder, "steps", None)
    alone = family.sub_block is not None or (family.shift > 0 and decode.cache in ("prefix", "dual"))
    if decode.decoder.revises:
        return blocks.count * decode.most_steps(all_open=not alone)
    if steps is not None and decode.axon.gate == "never" and not alone:
        return blocks.count * steps_of_block(steps, decode.gen_length, decode.block)
    return min(blocks.area - blocks.given, blocks.count * decode.most_steps(all_open=not alone))


def _uncached(blocks: RowBlocks, steps: float) -> tuple[float, float]:
    """Positions computed, and pairs of such a position and a column that it is compared with."""
    return steps * blocks.canvas, steps * blocks.canvas**2


def _block(blocks: RowBlocks, steps: float) -> tuple[float, float]:
    """With the block cache: the prompt once, each block in its share of the steps, all but the last once more."""
    computed, pairs = float(blocks.prefix), float(blocks.prefix**2)
    for block, share in enumerate(_shares(blocks, steps)):
        passes = share + (block + 1 < blocks.count)
        computed += passes * blocks.block_length
        pairs += passes * blocks.block_length * (blocks.prefix + (block + 1) * blocks.block_length)
    return computed, pairs


def _prefix(blocks: RowBlocks, steps: float) -> tuple[float, float]:
    """With the prefix cache: the canvas in each block's first step, then what does not lie before the block."""
    return _frozen(
        blocks, steps, [blocks.area - block * blocks.block_length for block in range(blocks.count)]
    )


def _dual(blocks: RowBlocks, steps: float) -> tuple[float, float]:
    """With the dual cache: in a block's later steps the block alone."""
    return _frozen(blocks, steps, [blocks.block_length] * blocks.count)


def _frozen(blocks: RowBlocks, steps: float, later: Sequence[int]) -> tuple[float, float]:
    """`later`: the positions that a step of each block computes after its first, all compared with the canvas."""
    computed = 0.0
    for share, positions in zip(_shares(blocks, steps), later, strict=True):
        first = min(share, 1.0)
        computed += first * blocks.canvas + (share - first) * positions
    return computed, computed * blocks.canvas


_PASSES = {"none": _uncached, "block": _block, "prefix": _prefix, "dual": _dual}


def _shares(blocks: RowBlocks, steps: float) -> list[float]:
    """Each block's share of the steps: that of the positions which it generates."""
    generated = [blocks.block_length - (blocks.given if block == 0 else 0) for block in range(blocks.count)]
    return [steps * own / (blocks.area - blocks.given) for own in generated]


def gpu_hours(flops: float) -> dict[str, float]:
    """By device, at SHARE of its peak."""
    return {name: flops / (peak * SHARE) / SECONDS_PER_HOUR for name, peak in PEAK_FLOPS.items()}
