"""Fast-dLLM with a threshold. Shapes: B rows, K block length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from axon.checks import check_range
from axon.decoders.base import Decoder
from axon.proposal import Proposal

if TYPE_CHECKING:
    from axon.state import StepState


@dataclass(frozen=True, kw_only=True)
class Confidence(Decoder):
    """Fast-dLLM: every position whose confidence is at least `threshold`."""

    leeway_of: ClassVar[str] = "threshold"

    name: Literal["confidence"] = "confidence"
    threshold: float = 0.9

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)

    def propose(self, state: StepState) -> Proposal:
        reveal_BK = state.masked_BK & (state.confidence_BK >= self.threshold)
        return Proposal(reveal_BK, by_threshold=lambda: state.masked_BK)
