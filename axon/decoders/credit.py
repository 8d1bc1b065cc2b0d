"""CreditDecoding: what has been likeliest before is believed more.

Shapes: B rows, K block length, S steps of a block (at most K: each reveals something), V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from axon.checks import check_range
from axon.decoders.base import Decoder
from axon.proposal import Proposal

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from axon.state import Plain, StepState

NONE = -1  # for a token


@dataclass
class CreditState:
    """The tokens of the block that have credit: each in one place, that of the step which first gave it some.

    A step gives credit to one token of a position, so that these are all; the rest of the vocabulary has none.
    """

    token_BKS: Tensor  # NONE in steps to come, and in those whose likeliest token was known already
    credit_BKS: Tensor  # float64


@dataclass(frozen=True, kw_only=True)
class Credit(Decoder):
    """As `confidence`, by logits + alpha log(1 + C), where C is the credit of a token at its position.

    In each step of a block all of it is multiplied by `beta`, and then the likeliest token of each masked position is
    given p^gamma, p being its probability before any boost.
    """

    leeway_of: ClassVar[str] = "threshold"

    name: Literal["credit"] = "credit"
    threshold: float = 0.9
    alpha: float = 0.7
    beta: float = 0.8
    gamma: float = 0.2

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)
        check_range("decoder.alpha", self.alpha, 0.0, float("inf"))
        check_range("decoder.beta", self.beta, 0.0, 1.0)
        check_range("decoder.gamma", self.gamma, 0.0, float("inf"))

    def new_state(
        self, rows: int, gen_length: int, block_length: int, vocab_size: int, device: torch.device
    ) -> CreditState:
        import torch  # here, so that settings can be checked without torch

        shape = (rows, block_length, block_length)
        return CreditState(
            token_BKS=torch.full(shape, NONE, device=device),
            credit_BKS=torch.zeros(shape, dtype=torch.float64, device=device),
        )

    def boosted(self, plain: Plain) -> Tensor:
        import torch

        seen = plain.decoder_state
        assert isinstance(seen, CreditState)
        begins_B11, step_B11 = (plain.block_step_B == 0)[:, None, None], plain.block_step_B[:, None, None]
        token_BKS = seen.token_BKS.masked_fill(begins_B11, NONE)
        credit_BKS = (seen.credit_BKS * self.beta).masked_fill(begins_B11, 0.0)
        token_BK, p_BK = plain.likeliest()
        same_BKS = token_BKS == token_BK[..., None]
        place_BK1 = torch.where(
            same_BKS.any(2, keepdim=True), same_BKS.int().argmax(2, keepdim=True), step_B11
        )
        gain_BK = p_BK.pow(self.gamma).where(plain.masked_BK, 0.0)
        seen.token_BKS = token_BKS.scatter(2, place_BK1, token_BK[..., None])
        seen.credit_BKS = credit_BKS.scatter_add(2, place_BK1, gain_BK[..., None])
        boost_BKS = self.alpha * seen.credit_BKS.log1p()
        # A boost is finer than bfloat16, which would lose it.
        logits_BKV = plain.logits_BKV.to(torch.promote_types(plain.logits_BKV.dtype, torch.float32))
        # Places without a token add the boost of no credit, 0, to token 0.
        return logits_BKV.scatter_add_(2, seen.token_BKS.clamp(min=0), boost_BKS.to(logits_BKV.dtype))

    def propose(self, state: StepState) -> Proposal:
        reveal_BK = state.masked_BK & (state.confidence_BK >= self.threshold)
        return Proposal(reveal_BK, by_threshold=lambda: state.masked_BK)
