"""LLaDA's original decoder. Shapes: B rows, K block length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from axon.checks import check_choice, check_whole
from axon.decoders.base import Decoder
from axon.proposal import Proposal

if TYPE_CHECKING:
    from axon.state import StepState

Remasking = Literal["low_confidence", "random"]


@dataclass(frozen=True, kw_only=True)
class FixedSteps(Decoder):
    """LLaDA's original: n positions a step, the block's masks spread evenly over its steps.

    Which n: the most confident (`low_confidence` stays masked), or any (`random`, which needs seeds).
    """

    name: Literal["fixed_steps"] = "fixed_steps"
    steps: int | None = None  # of the whole generation; None: one token per step
    remasking: Remasking = "low_confidence"

    def __post_init__(self) -> None:
        check_choice("decoder.remasking", self.remasking, Remasking)
        if self.steps is not None:
            check_whole("decoder.steps", self.steps, 1)

    @property
    def needs_seeds(self) -> bool:
        return self.remasking == "random"

    @property
    def reads_confidence(self) -> bool:
        return self.remasking == "low_confidence"

    def check(self, gen_length: int, block_length: int) -> None:
        """The steps must spread over the blocks."""
        blocks = gen_length // block_length
        if self.steps is not None and (self.steps % blocks or self.steps > gen_length):
            raise ValueError(
                f"decoder.steps={self.steps}: must be a multiple of the {blocks} blocks and at most "
                f"gen_length={gen_length}; choose such a value"
            )

    def propose(self, state: StepState) -> Proposal:
        """Early steps take the remainder. Once its steps are spent (AXON may delay), it finds nothing to reveal."""
        length = state.masked_BK.shape[1]
        steps = (self.steps or state.gen_length) * length // state.gen_length
        quota_B = length // steps + (state.block_step_B < length % steps).long()
        score_BK = state.noise() if self.needs_seeds else state.confidence_BK
        rank_BK = state.rank(score_BK, state.masked_BK)
        in_time_B = state.block_step_B < steps
        return Proposal(state.masked_BK & (rank_BK < quota_B[:, None]) & in_time_B[:, None])
