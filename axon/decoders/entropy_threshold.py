"""dParallel's rule for its distilled models. Shapes: B rows, K block length."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Literal

from axon.checks import check_range
from axon.decoders.base import Decoder
from axon.elementwise import where_else
from axon.proposal import Proposal

if TYPE_CHECKING:
    from axon.state import StepState


@dataclass(frozen=True, kw_only=True)
class EntropyThreshold(Decoder):
    """dParallel: every position whose entropy (nats) is below `threshold`, and that of least entropy in any case."""

    name: Literal["entropy_threshold"] = "entropy_threshold"
    threshold: float = 0.5

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, float("inf"))

    @property
    def reads_confidence(self) -> bool:
        return False

    def propose(self, state: StepState) -> Proposal:
        """The least in any case: where no entropy is below, the sampler would take the most confident one instead."""
        entropy_BK = state.entropy(state.log_probs())
        least_BK = state.highest(where_else(state.masked_BK, -entropy_BK, -inf))
        return Proposal(state.masked_BK & ((entropy_BK < self.threshold) | least_BK))
