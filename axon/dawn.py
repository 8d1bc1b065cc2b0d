"""DAWN (arXiv 2602.06953): reveal what is sure, what sure context induces, and what is independent. METHOD.md 2.

Shapes: B rows, K block length, W canvas width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from axon.checks import check_range
from axon.sinks import SinkThreshold, check_sink_threshold, sinks
from axon.state import Context, StepState, descending_rank

SURE = 0.9  # DAWN's confidence of what is revealed at once, and of decoded positions that may induce others


@dataclass(frozen=True)
class Dawn:
    """High-confidence, induced and independent positions, from a dependency graph that attention draws."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    version: ClassVar[int] = 1
    needs_attention: ClassVar[bool] = True
    needs_seeds: ClassVar[bool] = False
    reads_confidence: ClassVar[bool] = True

    name: Literal["dawn"] = "dawn"
    tau_sink: SinkThreshold | None = None  # above it on average a column is a sink; None: AXON's tau_sink
    tau_edge: float = 0.07
    tau_induce: float = 0.7
    tau_low: float = 0.75

    def __post_init__(self) -> None:
        if self.tau_sink is not None:
            check_sink_threshold("decoder.tau_sink", self.tau_sink)
        for key in ("tau_edge", "tau_induce", "tau_low"):
            check_range(f"decoder.{key}", getattr(self, key), 0.0, 1.0)

    def check(self, gen_length: int, block_length: int) -> None:
        """Fits every length."""

    def propose(self, state: StepState, gen_length: int) -> Tensor:
        """(B, K) bool: H, I and N of METHOD.md."""
        masked_BK, confidence_BK = state.masked_BK, state.confidence_BK
        context = state.context
        assert context is not None, "the sampler heeds needs_attention"
        edges_BKW = self._edges(state, context)
        high_BK = masked_BK & (confidence_BK >= SURE)
        # p* is needed only where some masked position depends on a decoded one: a handful of columns.
        pulled_BW = context.decoded_BW & (edges_BKW & masked_BK[..., None]).any(1)
        inducing_BW = pulled_BW & (context.p_max_at(pulled_BW) >= SURE)
        induced_BK = (
            masked_BK & (edges_BKW & inducing_BW[:, None, :]).any(2) & (confidence_BK >= self.tau_induce)
        )
        inside_BKK = edges_BKW.gather(2, state.columns_BK[:, None, :].expand(-1, masked_BK.shape[1], -1))
        settled_BK = (inside_BKK & (high_BK & induced_BK)[:, None, :]).any(2)
        candidates_BK = masked_BK & (confidence_BK >= self.tau_low) & ~high_BK & ~induced_BK & ~settled_BK
        conflict_BKK = inside_BKK | inside_BKK.transpose(1, 2)
        rank_BK = descending_rank(confidence_BK, candidates_BK)
        return high_BK | induced_BK | independent_set(candidates_BK, conflict_BKK, rank_BK)

    def _edges(self, state: StepState, context: Context) -> Tensor:
        """(B, K, W) bool: "position i of the block depends on column j"; sinks and i itself apart."""
        threshold = context.tau_sink if self.tau_sink is None else self.tau_sink
        sink_BW = sinks(context.means_BW, context.width_B, threshold)
        edges_BKW = (context.rows_BKW >= self.tau_edge) & ~sink_BW[:, None, :]
        edges_BKW = edges_BKW.scatter_(2, state.columns_BK[..., None], False)
        state.count("graph_steps", torch.ones_like(context.width_B))
        state.count("empty_graph_steps", ~(edges_BKW & state.masked_BK[..., None]).any((1, 2)))
        state.count("graph_columns", context.width_B)
        state.count("graph_sinks", sink_BW.sum(1))
        return edges_BKW


def independent_set(candidates_BK: Tensor, conflict_BKK: Tensor, rank_BK: Tensor) -> Tensor:
    """The greedy independent set in rank order, (B, K) bool.

    Each round takes every candidate without an undecided conflict of better rank, all at once: the same set as
    taking candidates one by one, in as many rounds as the longest chain of conflicts that decide each other.
    """
    chosen_BK = torch.zeros_like(candidates_BK)
    undecided_BK = candidates_BK
    # j conflicts with i and comes first:
    better_BKK = conflict_BKK & (rank_BK[:, None, :] < rank_BK[:, :, None])
    while bool(undecided_BK.any()):
        free_BK = undecided_BK & ~(better_BKK & undecided_BK[:, None, :]).any(2)
        chosen_BK = chosen_BK | free_BK
        undecided_BK = undecided_BK & ~free_BK & ~(conflict_BKK & free_BK[:, None, :]).any(2)
    return chosen_BK
