"""Fast-dLLM's dynamic rule. Shapes: B rows, K block length."""

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
class Factor(Discounted):
    """Fast-dLLM, dynamic: the most confident n, while (n + 1)(1 - c_(n)) <= factor for each n up to it."""

    name: Literal["factor"] = "factor"
    factor: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("decoder.factor", self.factor, 0.0, float("inf"))

    def propose(self, state: StepState) -> Proposal:
        """A failure ends the prefix, even where a later n would fit."""
        masked_BK, doubt_BK = state.masked_BK, 1 - state.confidence_BK

        def first(rank_BK: Tensor) -> Tensor:
            fits_BK = masked_BK & ((rank_BK + 2) * doubt_BK <= self.factor)
            by_rank_BK = fits_BK.scatter(1, rank_BK, fits_BK)
            return by_rank_BK.long().cumprod(1).bool().gather(1, rank_BK)

        if not self.attention_discount:
            return Proposal(first(state.rank(state.confidence_BK, masked_BK)))
        return self.discounted(state, first)
