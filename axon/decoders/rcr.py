"""Running confidence remasking (MDPO): what was revealed with little confidence is masked again.

Shapes: B rows, K block length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from axon.decoders.base import Decoder
from axon.decoders.fixed_steps import FixedSteps, steps_of_block
from axon.proposal import Proposal

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from axon.state import StepState


@dataclass
class RcrState:
    """What the positions of the block are ranked by."""

    confidence_BK: (
        Tensor  # float64, c in the last step in which the position was masked and could be revealed
    )


@dataclass(frozen=True, kw_only=True)
class Rcr(Decoder):
    """After each step as many positions of a block hold a token as under `fixed_steps`: those of highest confidence.

    A token keeps the confidence that it was revealed with. Where masked positions now have more, it is masked again.
    """

    revises: ClassVar[bool] = True

    name: Literal["rcr"] = "rcr"
    steps: int | None = None  # of the whole generation; None: one token more per step

    def __post_init__(self) -> None:
        FixedSteps(steps=self.steps)  # the same rule

    def check(self, gen_length: int, block_length: int) -> None:
        """The steps must spread over the blocks."""
        FixedSteps(steps=self.steps).check(gen_length, block_length)

    def most_steps(self, gen_length: int, block_length: int, delays: int, all_open: bool) -> int:
        """Once they are spent, it takes nothing back, and the first that may reveal all, AXON apart, is the last."""
        most = steps_of_block(self.steps, gen_length, block_length) + min(delays, block_length - 1)
        return most if all_open else max(most, 2 * block_length)

    def new_state(
        self, rows: int, gen_length: int, block_length: int, vocab_size: int, device: torch.device
    ) -> RcrState:
        import torch  # here, so that settings can be checked without torch

        return RcrState(torch.zeros((rows, block_length), dtype=torch.float64, device=device))

    def propose(self, state: StepState) -> Proposal:
        """Once its steps are spent (AXON may delay), it reveals what is left."""
        seen = state.decoder_state
        assert isinstance(seen, RcrState)
        seen.confidence_BK = state.confidence_BK.where(state.masked_BK, seen.confidence_BK)
        shown_BK = state.revisable()
        rank_BK = state.rank(seen.confidence_BK, shown_BK | state.masked_BK)
        kept_BK = rank_BK < self._quota(state)[:, None]
        return Proposal(reveal_BK=state.masked_BK & kept_BK, remask_BK=shown_BK & ~kept_BK)

    def _quota(self, state: StepState) -> Tensor:
        """How many positions of each row's block hold a token after this step, the prompt's apart, (B,)."""
        length = state.masked_BK.shape[1]
        steps = steps_of_block(self.steps, state.gen_length, length)
        taken_B = (state.block_step_B + 1).clamp(max=steps)
        return length // steps * taken_B + taken_B.clamp(max=length % steps)
