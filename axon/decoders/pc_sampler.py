"""PC-Sampler: from left to right, and tokens that say little, such as punctuation, later.

Shapes: B rows, K block length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from axon.checks import check_range
from axon.decoders.base import Decoder
from axon.decoders.fixed_steps import FixedSteps, quota_of_step
from axon.proposal import Proposal
from axon.token_counts import KEY, digest_of, rarity, read_counts

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from axon.state import StepState


@dataclass
class PcSamplerState:
    """The same for all rows, whichever are in the batch."""

    rarity_of: Callable[[Tensor], Tensor]  # tokens -> -log of their frequency in the table, float64


@dataclass(frozen=True, kw_only=True)
class PcSampler(Decoder):
    """As many positions a step as `fixed_steps`: those of the highest e^(-decay i) min(c (-log f(x0)), alpha).

    i counts the block's positions from 0; f is how frequent a token is in the text that `token_counts` was made from.
    Huang et al., arXiv 2508.13021; NEUIR/PC-Sampler.
    """

    name: Literal["pc_sampler"] = "pc_sampler"
    token_counts: str | None = None  # a file (axon/token_counts.py), which every decode needs
    steps: int | None = None  # of the whole generation; None: one token per step
    decay: float = 0.25  # lambda of the paper
    alpha: float = 10.0

    def __post_init__(self) -> None:
        FixedSteps(steps=self.steps)  # the same rule
        check_range("decoder.decay", self.decay, 0.0, float("inf"))
        check_range("decoder.alpha", self.alpha, 0.0, float("inf"))

    def check(self, gen_length: int, block_length: int) -> None:
        """The steps must spread over the blocks, and there must be a table."""
        FixedSteps(steps=self.steps).check(gen_length, block_length)
        if self.token_counts is None:
            raise ValueError(
                f"{KEY}=null: decoder pc_sampler reads how often the model's tokens occur in some text; give a table "
                "of that, which python -m axon.count_tokens makes"
            )

    def identity(self) -> dict[str, Any]:
        return asdict(self) | {"token_counts": digest_of(str(self.token_counts))}

    def new_state(
        self, rows: int, gen_length: int, block_length: int, vocab_size: int, device: torch.device
    ) -> PcSamplerState:
        return PcSamplerState(rarity(read_counts(str(self.token_counts)), vocab_size, device).__getitem__)

    def propose(self, state: StepState) -> Proposal:
        """Once its steps are spent (AXON may delay), one position per step."""
        seen = state.decoder_state
        assert isinstance(seen, PcSamplerState)
        told_BK = (state.confidence_BK * seen.rarity_of(state.token_BK)).clamp(max=self.alpha)
        place_BK = state.places_BK - state.places_BK[:, :1]
        score_BK = (-self.decay * place_BK).double().exp() * told_BK
        rank_BK = state.rank(score_BK, state.masked_BK)
        return Proposal(state.masked_BK & (rank_BK < quota_of_step(self.steps, state).clamp(min=1)[:, None]))
