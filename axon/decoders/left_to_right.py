"""The autoregressive order. Shapes: B rows, K block length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from axon.decoders.base import Decoder
from axon.proposal import Proposal

if TYPE_CHECKING:
    from axon.state import StepState


@dataclass(frozen=True, kw_only=True)
class LeftToRight(Decoder):
    """The leftmost masked position: the quality and NFE reference of an autoregressive order."""

    name: Literal["left_to_right"] = "left_to_right"

    @property
    def reads_confidence(self) -> bool:
        return False

    def propose(self, state: StepState) -> Proposal:
        return Proposal(state.masked_BK & (state.masked_BK.long().cumsum(1) == 1))
