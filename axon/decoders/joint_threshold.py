"""LLaDA2.1's decoding: masks become tokens, and tokens other tokens. Shapes: B rows, K block length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from axon.checks import check_range, check_whole
from axon.decoders.base import Decoder
from axon.elementwise import and_not
from axon.proposal import Proposal

if TYPE_CHECKING:
    from axon.state import StepState


@dataclass(frozen=True, kw_only=True)
class JointThreshold(Decoder):
    """LLaDA2.1: c > `threshold`; and each token of the block that isn't x0 becomes x0 if its c > `editing_threshold`.

    When the block is full it is edited on until a step changes nothing, in `max_post_steps` steps at most. No c is
    above 1: with an editing threshold of 1 there is nothing to go on for.
    """

    leeway_of: ClassVar[str] = "threshold"
    revises: ClassVar[bool] = True

    name: Literal["joint_threshold"] = "joint_threshold"
    threshold: float = 0.7
    editing_threshold: float = 0.5
    max_post_steps: int = 16

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)
        check_range("decoder.editing_threshold", self.editing_threshold, 0.0, 1.0)
        check_whole("decoder.max_post_steps", self.max_post_steps, 0)

    @property
    def post_steps(self) -> int:
        """None where nothing is ever edited."""
        return self.max_post_steps if self.editing_threshold < 1 else 0

    def most_steps(self, gen_length: int, block_length: int, delays: int, all_open: bool) -> int:
        """It masks nothing again."""
        return block_length + self.post_steps

    def propose(self, state: StepState) -> Proposal:
        masked_BK, confidence_BK = state.masked_BK, state.confidence_BK
        other_BK = and_not(state.token_BK != state.written_BK, masked_BK)
        return Proposal(
            reveal_BK=masked_BK & (confidence_BK > self.threshold),
            replace_BK=other_BK & (confidence_BK > self.editing_threshold),
            token_BK=state.token_BK,
            by_threshold=lambda: masked_BK,
        )
