"""Hierarchy decoding (inclusionAI/dInfer). Shapes: B rows, K block length, R runs of masked positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from axon.checks import check_range
from axon.decoders.base import Decoder
from axon.proposal import Proposal

if TYPE_CHECKING:
    from torch import Tensor

    from axon.state import StepState


@dataclass(frozen=True, kw_only=True)
class Hierarchy(Decoder):
    """Hierarchy: c > threshold, and of each run of masked positions the most confident one if its c > low_threshold.

    What it reveals divides the runs, so that those left are short, and their positions far apart.
    """

    leeway_of: ClassVar[str] = "threshold"

    name: Literal["hierarchy"] = "hierarchy"
    threshold: float = 0.9
    low_threshold: float = 0.4

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)
        check_range("decoder.low_threshold", self.low_threshold, 0.0, 1.0)

    def propose(self, state: StepState) -> Proposal:
        """The most confident one of all in any case."""
        masked_BK, confidence_BK = state.masked_BK, state.confidence_BK
        rank_BK = state.rank(confidence_BK, masked_BK)
        leads_BK = best_of_runs(masked_BK, rank_BK) & (confidence_BK > self.low_threshold)
        always_BK = masked_BK & (leads_BK | (rank_BK == 0))
        sure_BK = masked_BK & (confidence_BK > self.threshold)
        return Proposal(sure_BK | always_BK, by_threshold=lambda: masked_BK & ~always_BK)


def best_of_runs(masked_BK: Tensor, rank_BK: Tensor) -> Tensor:
    """The positions of least rank in their runs of neighbouring masked positions, (B, K) bool."""
    run_BK = (~masked_BK).long().cumsum(1)  # the same within a run, as it counts what isn't masked up to here
    count, length = rank_BK.shape
    # A run shares its number with the position before it, which ranks after all masked ones.
    least_BR = rank_BK.new_full((count, length + 1), length).scatter_reduce(1, run_BK, rank_BK, "amin")
    return masked_BK & (rank_BK == least_BR.gather(1, run_BK))
