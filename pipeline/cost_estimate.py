"""What decoding will cost: FLOPs and memory from the shapes of the network, whose weights need not be there.

What a row takes is axon/row_memory.py's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch

from axon.blocks import RowBlocks, row_blocks
from axon.models.checkpoint import DTYPES, Description
from axon.row_memory import Part, row_parts
from pipeline.config import Decode

# Dense bfloat16 multiply-adds as two operations, by the makers' data sheets (NVIDIA H100 SXM, A100).
PEAK_FLOPS = {"H100": 989e12, "A100": 312e12}
SHARE = 0.3  # of the peak: an assumption; batch 1 reaches a few per cent only
SECONDS_PER_HOUR = 3600


class Network:
    """The network of a checkpoint, without its weights."""

    def __init__(self, described: Description) -> None:
        with torch.device("meta"):
            network = described.family.network(described.network)
        self._model = described.model(network)
        self._described = described

    @property
    def max_length(self) -> int:
        return self._described.max_length

    @property
    def parameters(self) -> int:
        """Those that are stored: an output layer tied to the embedding counts once."""
        found = sum(parameter.numel() for parameter in self._model.network.parameters())
        head = self._model.network.get_parameter("lm_head.weight")
        embedding = self._model.network.get_parameter("model.embed_tokens.weight")
        tied = bool(self._described.network.tie_word_embeddings) and head is not embedding
        return found - (head.numel() if tied else 0)

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
        trace: Any = SimpleNamespace(
            computed_positions=computed, attention_pairs=pairs, logit_positions=steps * logits
        )
        return float(self._model.flops(trace))

    def memory(self, decode: Decode, prompt: int, batch: int, dtype: str) -> Iterator[Part]:
        """At the batch asked for, with the longest prompt."""
        weights = self.parameters * DTYPES[dtype].itemsize
        yield Part("weights", weights, f"{self.parameters / 1e9:.2f} G parameters in {dtype}")
        for part in row_parts(self._model, decode, canvas(decode, prompt), DTYPES[dtype]):
            yield replace(part, bytes=batch * part.bytes)


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
