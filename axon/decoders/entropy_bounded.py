"""EB-Sampler (arXiv 2505.24857). Shapes: B rows, K block length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from axon.checks import check_range
from axon.decoders.discounted import Discounted
from axon.proposal import Proposal

if TYPE_CHECKING:
    from torch import Tensor

    from axon.state import StepState


@dataclass(frozen=True, kw_only=True)
class EntropyBounded(Discounted):
    """EB-Sampler: the positions of least entropy, as many as keep their joint error bound at or below gamma (nats)."""

    name: Literal["entropy_bounded"] = "entropy_bounded"
    gamma: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("decoder.gamma", self.gamma, 0.0, float("inf"))

    @property
    def reads_confidence(self) -> bool:
        """A discounted order is one of confidence."""
        return self.attention_discount > 0

    def propose(self, state: StepState) -> Proposal:
        """The longest prefix by entropy with (sum - largest) <= gamma; the first always fits."""
        entropy_BK = state.entropy(state.log_probs())

        def first(rank_BK: Tensor) -> Tensor:
            sorted_BK = entropy_BK.scatter(1, rank_BK, entropy_BK)
            error_BK = sorted_BK.cumsum(1) - sorted_BK.cummax(1).values
            return state.masked_BK & (error_BK.gather(1, rank_BK) <= self.gamma)

        if not self.attention_discount:
            return Proposal(first(state.rank(-entropy_BK, state.masked_BK)))
        return self.discounted(state, first)
