"""LocalLeap. Shapes: B rows, K block length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from axon.checks import check_range, check_whole
from axon.decoders.base import Decoder
from axon.proposal import Proposal

if TYPE_CHECKING:
    from axon.state import StepState


@dataclass(frozen=True, kw_only=True)
class LocalLeap(Decoder):
    """LocalLeap: confident positions, and those around each of them at a lower threshold."""

    name: Literal["local_leap"] = "local_leap"
    threshold: float = 0.9
    relaxed_threshold: float = 0.75
    radius: int = 4

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)
        check_range("decoder.relaxed_threshold", self.relaxed_threshold, 0.0, 1.0)
        check_whole("decoder.radius", self.radius, 0)

    def propose(self, state: StepState) -> Proposal:
        from torch.nn.functional import max_pool1d  # here, so that settings can be checked without torch

        sure_BK = state.masked_BK & (state.confidence_BK >= self.threshold)
        near_BK = max_pool1d(sure_BK.float(), 2 * self.radius + 1, stride=1, padding=self.radius) > 0
        relaxed_BK = state.masked_BK & (state.confidence_BK >= self.relaxed_threshold)
        return Proposal(sure_BK | (near_BK & relaxed_BK) | state.top_one())
