"""What a decoder, a gate and a selector see of one pass, all of it on the current block of each row.

Shapes: B rows, K block length, W canvas width, V vocabulary, D hidden size. Row-independent: no value of one
row depends on another row.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch
from torch import Tensor

# Called with "model", "capture" or "select" around that part of a pass; this library has no clock of its own.
Timer = Callable[[str], AbstractContextManager[object]]


@dataclass
class Context:
    """What a decoder that needs attention sees beyond its block; attention is the mean over heads and chosen layers."""

    rows_BKW: Tensor  # whom each position of the block attends to; rows sum to 1
    means_BW: Tensor  # column means over all real positions, for sinks
    decoded_BW: Tensor  # bool, decoded columns up to the end of the current block
    peak_at: Callable[[Tensor], Tensor]  # (B, W) bool -> p* there (B, W), 0 elsewhere


@dataclass
class PassState:
    """One pass: the beliefs of the model on each row's current block, before anything is revealed.

    Values at positions that are not masked are meaningless; mask before use.
    """

    masked_BK: Tensor  # bool, eligible: masked and in the current block
    token_BK: Tensor  # x0, never the mask token
    confidence_BK: Tensor  # c, float64, probability of x0
    peak_BK: Tensor  # p*, float64, probability of the likeliest token
    block_pass_B: Tensor  # passes this block has had before this one
    places_BK: Tensor  # generated positions of the block, 0 to G - 1
    columns_BK: Tensor  # the same as columns of the canvas
    log_probs: Callable[[], Tensor]  # -> (B, K, V) float64
    generated_log_probs: Callable[[], Tensor]  # -> (B, G, V) float64, of every generated position
    noise: Callable[[], Tensor]  # -> (B, K) uniform, each row from its own generator
    context: Context | None  # for decoders that declare needs_attention
    memory: dict[str, Tensor] = field(
        default_factory=dict
    )  # first axis B; zeros for a new row; survives blocks


def top_one(state: PassState) -> Tensor:
    """The most confident masked position of each row, (B, K) bool; the leftmost on a tie."""
    best_B = torch.where(state.masked_BK, state.confidence_BK, -1.0).argmax(1, keepdim=True)
    return torch.zeros_like(state.masked_BK).scatter_(1, best_B, True) & state.masked_BK


def descending_rank(score_BK: Tensor, among_BK: Tensor) -> Tensor:
    """Rank of each position of `among_BK` by descending score, 0 first, ties left to right; others come last."""
    order_BK = torch.where(among_BK, score_BK, -torch.inf).argsort(dim=1, descending=True, stable=True)
    ranks_BK = torch.arange(order_BK.shape[1], device=order_BK.device).expand_as(order_BK)
    return torch.empty_like(order_BK).scatter_(1, order_BK, ranks_BK)
