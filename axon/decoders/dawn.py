"""DAWN (arXiv 2602.06953): reveal what is sure, what sure context induces, and what is independent.

docs/method.md, section 2. Shapes: B rows, K block length, W canvas width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from axon.checks import check_range
from axon.decoders.base import Decoder
from axon.elementwise import and_not
from axon.proposal import Proposal
from axon.reads import Reads
from axon.sinks import SinkThreshold, check_sink_threshold

if TYPE_CHECKING:
    from torch import Tensor

    from axon.state import Context, StepState

SURE = 0.9  # DAWN's confidence of what is revealed at once, and of decoded positions that may induce others
SEEN = 1e-37  # attention that is none: padding, which the others of a batch decide, gets exactly 0


@dataclass(frozen=True, kw_only=True)
class Dawn(Decoder):
    """High-confidence, induced and independent positions, by a dependency graph drawn from attention."""

    reads: ClassVar[Reads] = "sequence"
    needs_attention: ClassVar[bool] = True
    leeway_of: ClassVar[str] = "tau_low"

    name: Literal["dawn"] = "dawn"
    tau_sink: SinkThreshold | None = None  # a column with a higher mean is a sink; None: AXON's tau_sink
    tau_edge: float = 0.07
    tau_induce: float = 0.7
    tau_low: float = 0.75

    def __post_init__(self) -> None:
        if self.tau_sink is not None:
            check_sink_threshold("decoder.tau_sink", self.tau_sink)
        for key in ("tau_edge", "tau_induce", "tau_low"):
            check_range(f"decoder.{key}", getattr(self, key), 0.0, 1.0)

    def propose(self, state: StepState) -> Proposal:
        """H, I and N of docs/method.md."""
        masked_BK, context = state.masked_BK, state.context()
        confidence_BK = state.masked_confidence_BK
        edges_BKW = self._edges(state, context)
        drawn_BKW = edges_BKW & masked_BK[..., None]
        state.counts.add("graph_steps", 1)
        state.counts.add_marked("empty_graph_steps", ~drawn_BKW.flatten(1).any(1, keepdim=True))
        high_BK = confidence_BK >= SURE
        # Where all that is masked is high, all of it is revealed, whatever induces it.
        unsettled_B1 = and_not(masked_BK, high_BK).any(1, keepdim=True)
        inducible_BK = (confidence_BK >= self.tau_induce) & unsettled_B1
        # The only ones whose p* is needed: a handful.
        pulled_BW = context.decoded_BW & (edges_BKW & inducible_BK[..., None]).any(1)
        unsure_BK = and_not(confidence_BK >= self.tau_low, high_BK)
        pulled, unsure = state.ask(pulled_BW.sum(), unsure_BK.sum(1).max())
        if pulled:
            inducing_BW = pulled_BW & (context.p_max_at(pulled_BW, pulled) >= SURE)
            induced_BK = (edges_BKW & inducing_BW[:, None, :]).any(2) & inducible_BK
        else:
            induced_BK = masked_BK.new_zeros(masked_BK.shape)

        def graph() -> tuple[Tensor, Tensor]:
            """What depends on a position that is both high and induced, and which positions are in conflict."""
            columns_BKK = state.columns_BK[:, None, :].expand(-1, masked_BK.shape[1], -1)
            inside_BKK = edges_BKW.gather(2, columns_BKK)
            settled_BK = (inside_BKK & (high_BK & induced_BK)[:, None, :]).any(2)
            return settled_BK, inside_BKK | inside_BKK.transpose(1, 2)

        def decided(chosen_BK: Tensor, settled_BK: Tensor, conflict_BKK: Tensor) -> Tensor:
            """What tau_low let in, and what it is too high for, but for what would lose to a better one if let in."""
            low_BK = masked_BK & ~(high_BK | induced_BK | unsure_BK)
            better_BK = chosen_BK | (state.top_one() & low_BK)  # let in first of all by a lower one
            lost_BK = settled_BK | (conflict_BKK & better_BK[:, None, :]).any(2)
            return (low_BK & ~lost_BK) | chosen_BK

        sure_BK = high_BK | induced_BK
        if not unsure:
            return Proposal(
                sure_BK, by_threshold=lambda: decided(masked_BK.new_zeros(masked_BK.shape), *graph())
            )
        settled_BK, conflict_BKK = graph()
        candidates_BK = and_not(unsure_BK, induced_BK | settled_BK)
        rank_BK = state.rank(confidence_BK, candidates_BK)
        chosen_BK = independent_set(candidates_BK, conflict_BKK, rank_BK, unsure)
        return Proposal(
            sure_BK | chosen_BK, by_threshold=lambda: decided(chosen_BK, settled_BK, conflict_BKK)
        )

    def _edges(self, state: StepState, context: Context) -> Tensor:
        """(B, K, W) bool: "position i of the block depends on column j", where j is neither a sink nor i itself."""
        threshold = context.tau_sink if self.tau_sink is None else self.tau_sink
        sink_BW = context.column_means() > context.sink_bound(threshold)
        attention_BKW = context.rows().masked_fill(sink_BW[:, None, :], -1.0)
        edges_BKW = attention_BKW.scatter_(2, state.columns_BK[..., None], -1.0) >= max(self.tau_edge, SEEN)
        state.counts.add_unchanged("graph_columns", context.width_B)
        state.counts.add_marked("graph_sinks", sink_BW)
        return edges_BKW


def independent_set(candidates_BK: Tensor, conflict_BKK: Tensor, rank_BK: Tensor, rounds: int) -> Tensor:
    """The greedy independent set in rank order, (B, K) bool: candidates without a conflict with a better chosen one.

    That is a fixed point: what is said of a candidate stays once it is final for all better ones, so that as many
    `rounds` as a row has candidates are enough.
    """
    import torch  # here, so that settings can be checked without torch

    # j conflicts with i and comes first:
    better_BKK = (conflict_BKK & (rank_BK[:, None, :] < rank_BK[:, :, None])).float()
    chosen_BK1 = candidates_BK1 = candidates_BK[..., None].float()
    for _ in range(rounds):
        # 1 less the number of better chosen ones, exactly; of others, 0 less it.
        chosen_BK1 = torch.baddbmm(candidates_BK1, better_BKK, chosen_BK1, alpha=-1).clamp_(min=0)
    return chosen_BK1[..., 0] > 0
