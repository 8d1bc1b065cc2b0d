"""LoPA, lookahead parallel decoding (arXiv 2512.16229): of several ways to go on, the one that lets more be revealed.

Shapes: B rows, K block length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from axon.checks import check_range, check_whole
from axon.decoders.base import Decoder
from axon.elementwise import and_not
from axon.guesses import Guesses
from axon.proposal import Proposal

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from axon.state import StepState


@dataclass(frozen=True, kw_only=True)
class Lopa(Decoder):
    """All with c >= `threshold`, after passes over `branches` canvases of which the best is kept.

    One is the canvas as it is, each of the others has one more token: one of the step's most confident guesses that it
    did not reveal. Kept is the branch with the highest mean p* of what may still be revealed (axon/branch_passes.py);
    one that leaves nothing is kept without a look. With one branch it is the decoder `confidence`.
    """

    name: Literal["lopa"] = "lopa"
    threshold: float = 0.9
    branches: int = 3

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)
        check_whole("decoder.branches", self.branches, 1)

    @property
    def wider(self) -> str:
        """But for a block's first step."""
        return "several canvases" if self.branches > 1 else ""

    def check(self, gen_length: int, block_length: int) -> None:
        """Of K positions no more than K - 1 can be guessed and leave one to reveal."""
        if self.branches > block_length:
            raise ValueError(
                f"decoder.branches={self.branches}: must be at most block_length={block_length}; lower it, or raise "
                "block_length"
            )

    def new_state(
        self, rows: int, gen_length: int, block_length: int, vocab_size: int, device: torch.device
    ) -> Guesses:
        import torch  # here, so that settings can be checked without torch

        shape = rows, block_length
        return Guesses(
            torch.zeros(shape, dtype=torch.long, device=device),
            torch.zeros(shape, dtype=torch.float64, device=device),
        )

    def propose(self, state: StepState) -> Proposal:
        guesses = state.decoder_state
        assert isinstance(guesses, Guesses)
        guesses.token_BK, guesses.confidence_BK = state.token_BK, state.confidence_BK
        reveal_BK = state.masked_BK & (state.confidence_BK >= self.threshold)
        return Proposal(reveal_BK if self.branches == 1 else self._with_last(state, reveal_BK))

    @staticmethod
    def _with_last(state: StepState, reveal_BK: Tensor) -> Tensor:
        """Where all but one would be revealed, that one as well."""
        some_B1 = reveal_BK.any(1, keepdim=True)
        reveal_BK = reveal_BK | and_not(state.top_one(), some_B1)
        last_BK = and_not(state.masked_BK, reveal_BK)
        return reveal_BK | (last_BK & (last_BK.sum(1, keepdim=True) == 1))
