"""Hierarchy decoding with remasking (inclusionAI/dInfer). Shapes: B rows, K block length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from axon.checks import check_range
from axon.decoders.base import Decoder
from axon.decoders.hierarchy import best_of_runs
from axon.proposal import Proposal

if TYPE_CHECKING:
    from axon.state import StepState


@dataclass(frozen=True, kw_only=True)
class HierarchyRemasking(Decoder):
    """As `hierarchy`, where tokens of the block count as masked, too, if their positions have c < remask_threshold.

    Those that it chooses get the token that the model would write now, the others are masked again. It chooses at
    least one position more than there are such tokens, so that fewer masks are left after each step.
    """

    revises: ClassVar[bool] = True

    name: Literal["hierarchy_remasking"] = "hierarchy_remasking"
    threshold: float = 0.9
    low_threshold: float = 0.4
    remask_threshold: float = 0.4

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)
        check_range("decoder.low_threshold", self.low_threshold, 0.0, 1.0)
        check_range("decoder.remask_threshold", self.remask_threshold, 0.0, 1.0)

    def most_steps(self, gen_length: int, block_length: int, delays: int, all_open: bool) -> int:
        """Each step leaves fewer masks, but those of AXON: after one most of the block may be masked."""
        most = block_length * (delays + 1 if all_open else max(delays + 1, 2))
        return min(most, super().most_steps(gen_length, block_length, delays, all_open))

    def propose(self, state: StepState) -> Proposal:
        masked_BK, confidence_BK = state.masked_BK, state.confidence_BK
        doubted_BK = state.revisable() & (confidence_BK < self.remask_threshold)
        open_BK = masked_BK | doubted_BK
        rank_BK = state.rank(confidence_BK, open_BK)
        leads_BK = best_of_runs(open_BK, rank_BK) & (confidence_BK > self.low_threshold)
        chosen_BK = open_BK & (leads_BK | (confidence_BK > self.threshold))
        # The most confident of the others, as many as are missing.
        missing_B1 = doubted_BK.sum(1, keepdim=True) + 1 - chosen_BK.sum(1, keepdim=True)
        chosen_BK = chosen_BK | (state.rank(confidence_BK, open_BK & ~chosen_BK) < missing_B1)
        return Proposal(
            reveal_BK=masked_BK & chosen_BK,
            remask_BK=doubted_BK & ~chosen_BK,
            replace_BK=doubted_BK & chosen_BK & (state.token_BK != state.written_BK),
            token_BK=state.token_BK,
        )
