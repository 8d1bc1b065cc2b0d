"""WINO ("Wide-In, Narrow-Out", arXiv 2507.18578): reveal boldly, and take back what its context does not bear out.

Shapes: B rows, K block length.
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

    from axon.state import StepState

# Of a step, as in the release: at most SHARE of the masked positions are revealed, and no fewer than LEAST nor more
# than MOST. What a block's first step may remask by: no step before it has revealed anything.
SHARE, LEAST, MOST, FIRST = 0.7, 5, 20, 30


@dataclass
class WinoState:
    """Of each row's block: what was masked in its first step, and in its last one."""

    generated_BK: Tensor  # bool; the others hold the prompt's remainder
    masked_BK: Tensor


@dataclass(frozen=True, kw_only=True)
class Wino(Decoder):
    """All with c > `threshold`, up to a number. What its shadow finds less likely than `threshold_back` is remasked.

    Only steps that reveal several remask, of what earlier ones have revealed, and fewer than the step before has: a
    block takes no more steps than it has positions.
    """

    needs_shadow: ClassVar[bool] = True
    revises: ClassVar[bool] = True
    leeway_of: ClassVar[str] = "threshold"

    name: Literal["wino"] = "wino"
    threshold: float = 0.6
    threshold_back: float = 0.9

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)
        check_range("decoder.threshold_back", self.threshold_back, 0.0, 1.0)

    def most_steps(self, gen_length: int, block_length: int, delays: int, all_open: bool) -> int:
        """A step takes back fewer than the one before it has revealed."""
        return block_length

    def new_state(
        self, rows: int, gen_length: int, block_length: int, vocab_size: int, device: torch.device
    ) -> WinoState:
        import torch  # here, so that settings can be checked without torch

        none_BK = torch.zeros((rows, block_length), dtype=torch.bool, device=device)
        return WinoState(none_BK, none_BK)

    def propose(self, state: StepState) -> Proposal:
        masked_BK = state.masked_BK
        most_B1 = (masked_BK.sum(1, keepdim=True) * SHARE).long().clamp(LEAST, MOST)
        rank_BK = state.rank(state.confidence_BK, masked_BK)
        open_BK = masked_BK & (rank_BK < most_B1)
        first_BK = masked_BK & (rank_BK == 0)
        reveal_BK = open_BK & ((state.confidence_BK > self.threshold) | first_BK)
        return Proposal(reveal_BK, self._remask(state, reveal_BK), by_threshold=lambda: open_BK & ~first_BK)

    def _remask(self, state: StepState, reveal_BK: Tensor) -> Tensor:
        """The least likely of what its shadows doubt. What the last step revealed is what was masked then alone, also
        where AXON has chosen it.
        """
        seen, masked_BK = state.decoder_state, state.masked_BK
        assert isinstance(seen, WinoState)
        begins_B1 = (state.block_step_B == 0)[:, None]
        generated_BK = seen.generated_BK.where(~begins_B1, masked_BK)
        accepted_B1 = (seen.masked_BK & ~masked_BK).sum(1, keepdim=True).masked_fill(begins_B1, FIRST)
        seen.generated_BK, seen.masked_BK = generated_BK, masked_BK
        shadow_BK = state.shadow()
        doubted_BK = generated_BK & ~masked_BK & (shadow_BK < self.threshold_back)
        least_BK = state.rank(-shadow_BK, doubted_BK) < accepted_B1 - 1
        return doubted_BK & least_BK & (reveal_BK.sum(1, keepdim=True) > 1)
