"""What a decoder sees of one step, all of it on the current block of each row unless it declares more.

Shapes: B rows, K block length, G generated area, W canvas width, V vocabulary. Row-independent: no value of one
row depends on another row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from axon.counts import RowCounts
from axon.elementwise import where_else
from axon.sinks import SinkThreshold

# Called with "model", "capture" or "select" around that part of a step; this library has no clock of its own.
PartTimer = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True)
class Context:
    """What lies beyond the block, for decoders that declare `reads = "sequence"`.

    Attention, the mean over heads and chosen layers, only for those that declare `needs_attention` as well.
    """

    decoded_BW: Tensor  # bool, the prompt and everything decoded
    width_B: Tensor  # columns of each row that sinks are sought among: uniform attention is 1/width
    tau_sink: SinkThreshold  # for decoders that name none of their own
    sink_bound: Callable[
        [SinkThreshold], Tensor | float
    ]  # -> the mean attention above which a column is a sink, (B, 1) or for all rows
    # -> a chunk of the area's positions after the other, and their (B, C, V) float32
    log_probs: Callable[[], Iterator[tuple[slice, Tensor]]]
    p_max_at: Callable[
        [Tensor, int], Tensor
    ]  # (B, W) bool, how many are true -> p* there (B, W), 0 elsewhere
    rows: Callable[[], Tensor]  # -> (B, K, W), whom each position of the block attends to; rows sum to 1
    column_means: Callable[
        [], Tensor
    ]  # -> (B, W), the mean attention each column receives, as sink_rows says


@dataclass(frozen=True)
class Plain:
    """The model's own beliefs on each row's current block, for decoders that boost some (`Decoder.boosted`)."""

    logits_BKV: Tensor  # as the model gives them, ends of the text left out where `end_of_text` says so
    masked_BK: Tensor  # bool; all of them, open or not
    block_step_B: Tensor  # steps this block has had before this one
    decoder_state: object  # as in StepState
    # -> (B, K) never the mask token, and its probability, float64; of logits_BKV, while they are unchanged
    likeliest: Callable[[], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class StepState:
    """One step: the beliefs of the model on each row's current block, before anything changes.

    At revealed positions, token, confidence and p* are what the model would write there now, seeing what is there.
    """

    masked_BK: Tensor  # bool; where the family decodes by sub-blocks, only what is open to be revealed
    written_BK: Tensor  # the tokens on the canvas, the mask token where masked
    token_BK: Tensor  # x0, never the mask token
    confidence_BK: Tensor  # c, float64, probability of x0
    p_max_BK: Tensor  # p*, float64, probability of the likeliest token
    block_step_B: Tensor  # steps this block has had before this one
    places_BK: Tensor  # positions of the block in the area, 0 to G - 1
    columns_BK: Tensor  # the same as columns of the canvas
    gen_length: int
    counts: RowCounts  # what the trace reports
    decoder_state: object  # of the kind that the decoder's new_state makes; the decoder updates it
    log_probs: Callable[[], Tensor]  # -> (B, K, V) float64
    log_probs_of_c: Callable[[], Tensor]  # the same, except with `top_p`: in what x0 is drawn from, as c is
    noise: Callable[[], Tensor]  # needs_seeds: -> (B, K) uniform, each row from its own generator
    # needs_shadow: -> (B, K) float64, the probability of each written token by all others; of a mask it says nothing
    shadow: Callable[[], Tensor]
    attention: Callable[[], Tensor]  # needs_attention: -> (B, K, K) among the block's positions
    revisable: Callable[
        [], Tensor
    ]  # revises: -> (B, K) bool, tokens that it may remask or replace: not the prompt's
    context: Callable[[], Context]  # reads = "sequence"
    # -> (B,) float64, the share of all generated positions, of all blocks, that is revealed
    revealed: Callable[[], Tensor]

    @cached_property
    def masked_confidence_BK(self) -> Tensor:
        """c where masked, and elsewhere less than any threshold."""
        return where_else(self.masked_BK, self.confidence_BK, -1.0)

    def top_one(self) -> Tensor:
        """The most confident masked position of each row, (B, K) bool; the leftmost on a tie."""
        return self.highest(self.masked_confidence_BK) & self.masked_BK

    @staticmethod
    def ask(*numbers: Tensor) -> list[int]:
        """Whole numbers that the host has to know. It waits for the device: once, for all of them."""
        found: list[int] = torch.stack(numbers).tolist()
        return found

    @staticmethod
    def entropy(log_probs_BKV: Tensor) -> Tensor:
        """Of each position's distribution, in nats, (B, K); a token without probability adds nothing."""
        probability_BKV = log_probs_BKV.exp()
        return -probability_BKV.xlogy(probability_BKV).sum(2)

    @staticmethod
    def highest(score_BK: Tensor) -> Tensor:
        """The position of the highest score in each row, (B, K) bool; the leftmost on a tie."""
        best_B1 = score_BK.argmax(1, keepdim=True)
        return torch.zeros_like(score_BK, dtype=torch.bool).scatter_(1, best_B1, True)

    @staticmethod
    def rank(score_BK: Tensor, among_BK: Tensor) -> Tensor:
        """Rank of each position of `among_BK` by descending score, 0 first, ties left to right; others come last."""
        order_BK = where_else(among_BK, score_BK, -torch.inf).argsort(dim=1, descending=True, stable=True)
        ranks_BK = torch.arange(order_BK.shape[1], device=order_BK.device).expand_as(order_BK)
        return torch.empty_like(order_BK).scatter_(1, order_BK, ranks_BK)
