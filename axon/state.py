"""What a decoder, a gate and a selector see of one step, all of it on the current block of each row.

Shapes: B rows, K block length, W canvas width, V vocabulary, D hidden size. Row-independent: no value of one
row depends on another row.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from axon.sinks import SinkThreshold

# Called with "model", "capture" or "select" around that part of a step; this library has no clock of its own.
PartTimer = Callable[[str], AbstractContextManager[object]]


@dataclass
class Context:
    """What a decoder that needs attention sees beyond its block; attention is the mean over heads and chosen layers."""

    rows_BKW: Tensor  # whom each position of the block attends to; rows sum to 1
    means_BW: Tensor  # column means over all real positions, for sinks
    width_B: Tensor  # real columns of each row: uniform attention is 1/width
    tau_sink: SinkThreshold  # for decoders that name none of their own
    decoded_BW: Tensor  # bool, decoded columns up to the end of the current block
    p_max_at: Callable[[Tensor], Tensor]  # (B, W) bool -> p* there (B, W), 0 elsewhere


@dataclass
class StepState:
    """One pass: the beliefs of the model on each row's current block, before anything is revealed.

    Values at positions that are not masked are meaningless; mask before use.
    """

    masked_BK: Tensor  # bool, eligible: masked and in the current block
    token_BK: Tensor  # x0, never the mask token
    confidence_BK: Tensor  # c, float64, probability of x0
    p_max_BK: Tensor  # p*, float64, probability of the likeliest token
    block_step_B: Tensor  # steps this block has had before this one
    places_BK: Tensor  # generated positions of the block, 0 to G - 1
    columns_BK: Tensor  # the same as columns of the canvas
    log_probs: Callable[[], Tensor]  # -> (B, K, V) float64
    generated_log_probs: Callable[[], Tensor]  # -> (B, G, V) float64, of every generated position
    noise: Callable[[], Tensor]  # -> (B, K) uniform, each row from its own generator
    context: Context | None  # for decoders that declare needs_attention
    # Both with first axis B, zeros for a new row, and kept from block to block:
    memory: dict[str, Tensor] = field(default_factory=dict)  # a decoder's or gate's own
    counts: dict[str, Tensor] = field(
        default_factory=dict
    )  # what the trace reports, by the names of its fields

    def count(self, name: str, amount_B: Tensor) -> None:
        """Add to a count of every row."""
        self.counts[name] = self.counts.get(name, 0) + amount_B.long()

    def count_some(self, name: str, rows_R: Tensor, amount_R: Tensor) -> None:
        """Add to a count of the rows at places `rows_R`."""
        self.count(name, torch.zeros_like(self.block_step_B).index_copy(0, rows_R, amount_R.long()))


@dataclass(frozen=True)
class Reveal:
    """What a step reveals, and who chose it."""

    positions_BK: Tensor  # bool, of the block
    by_axon_B: Tensor  # bool: AXON's anchors, not the base decoder's proposal
    unsupported_B: Tensor  # bool: and no candidate supported anything, so that the most confident was taken


def top_one(state: StepState) -> Tensor:
    """The most confident masked position of each row, (B, K) bool; the leftmost on a tie."""
    best_B = torch.where(state.masked_BK, state.confidence_BK, -1.0).argmax(1, keepdim=True)
    return torch.zeros_like(state.masked_BK).scatter_(1, best_B, True) & state.masked_BK


def descending_rank(score_BK: Tensor, among_BK: Tensor) -> Tensor:
    """Rank of each position of `among_BK` by descending score, 0 first, ties left to right; others come last."""
    order_BK = torch.where(among_BK, score_BK, -torch.inf).argsort(dim=1, descending=True, stable=True)
    ranks_BK = torch.arange(order_BK.shape[1], device=order_BK.device).expand_as(order_BK)
    return torch.empty_like(order_BK).scatter_(1, order_BK, ranks_BK)
