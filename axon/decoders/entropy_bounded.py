"""EB-Sampler (arXiv 2505.24857). Shapes: B rows, K block length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from axon.checks import check_range
from axon.decoders.base import Decoder
from axon.proposal import Proposal

if TYPE_CHECKING:
    from axon.state import StepState


@dataclass(frozen=True, kw_only=True)
class EntropyBounded(Decoder):
    """EB-Sampler: the positions of least entropy, as many as keep their joint error bound at or below gamma (nats)."""

    name: Literal["entropy_bounded"] = "entropy_bounded"
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_range("decoder.gamma", self.gamma, 0.0, float("inf"))

    @property
    def reads_confidence(self) -> bool:
        return False

    def propose(self, state: StepState) -> Proposal:
        """The longest prefix by entropy with (sum - largest) <= gamma; the first always fits."""
        entropy_BK = state.entropy(state.log_probs())
        rank_BK = state.rank(-entropy_BK, state.masked_BK)
        sorted_BK = entropy_BK.scatter(1, rank_BK, entropy_BK)
        before_BK = sorted_BK.cumsum(1) - sorted_BK
        return Proposal(state.masked_BK & (before_BK.gather(1, rank_BK) <= self.gamma))
