"""SlowFast Sampling: explore how far tokens can be trusted, then decode that stretch.

Shapes: B rows, K block length, N places in the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from axon.checks import check_range, check_whole
from axon.decoders.base import Decoder
from axon.proposal import Proposal

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from axon.state import StepState


@dataclass
class SlowFastState:
    """Where each row is in its cycle. Ends are the number of the block's positions that lie before them."""

    start_B: Tensor  # the end of the last cycle
    end_B: Tensor  # of this one, once it is explored
    explored_B: Tensor  # exploration steps taken
    settled_B: Tensor  # bool, the end was found before the last of them
    ends_BN: Tensor  # the ends that the latest exploration steps would have chosen, the last one last


@dataclass(frozen=True, kw_only=True)
class SlowFast(Decoder):
    """Cycles from the left to the right of a block: `exploration_steps` in all of it, then steps up to an end.

    The end is the farthest position with c >= `min_confidence`, once that has hardly moved for `window` exploration
    steps (their standard deviation is below `stability`); if it never does, the mean of the last ones. Each step
    reveals what has c >= `threshold` in its stretch, and the most confident position there.
    """

    leeway_of: ClassVar[str] = "threshold"

    name: Literal["slow_fast"] = "slow_fast"
    threshold: float = 0.9
    min_confidence: float = 0.3
    exploration_steps: int = 6
    window: int = 2
    stability: float = 1.0

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)
        check_range("decoder.min_confidence", self.min_confidence, 0.0, 1.0)
        check_whole("decoder.exploration_steps", self.exploration_steps, 1)
        check_whole("decoder.window", self.window, 1)
        check_range("decoder.stability", self.stability, 0.0, float("inf"))

    def new_state(
        self, rows: int, gen_length: int, block_length: int, vocab_size: int, device: torch.device
    ) -> SlowFastState:
        import torch  # here, so that settings can be checked without torch

        zeros = torch.zeros(rows, dtype=torch.long, device=device)
        return SlowFastState(zeros, zeros, zeros, zeros.bool(), zeros[:, None].repeat(1, self.window))

    def propose(self, state: StepState) -> Proposal:
        seen = state.decoder_state
        assert isinstance(seen, SlowFastState)
        place_BK = state.places_BK - state.places_BK[:, :1]
        self._begin_cycles(seen, state, place_BK)
        exploring_B = seen.explored_B < self.exploration_steps
        self._explore(seen, state, place_BK, exploring_B)
        seen.explored_B = seen.explored_B + exploring_B
        stretch_BK = state.masked_BK & (exploring_B[:, None] | (place_BK < seen.end_B[:, None]))
        confidence_BK = state.confidence_BK.where(stretch_BK, -1.0)
        best_BK = state.highest(confidence_BK)
        sure_BK = confidence_BK >= self.threshold
        # The most confident position of the stretch is revealed under any threshold.
        return Proposal(sure_BK | best_BK, by_threshold=lambda: stretch_BK & ~best_BK)

    def _begin_cycles(self, seen: SlowFastState, state: StepState, place_BK: Tensor) -> None:
        """Rows whose stretch is decoded, or whose block is new, explore again from its end on."""
        new_B = state.block_step_B == 0
        end_B = seen.end_B.masked_fill(new_B, 0)
        left_B = (state.masked_BK & (place_BK < end_B[:, None])).any(1)
        begins_B = new_B | (~left_B & (seen.explored_B == self.exploration_steps))
        seen.start_B, seen.end_B = end_B.where(begins_B, seen.start_B), end_B
        seen.explored_B = seen.explored_B.masked_fill(begins_B, 0)
        seen.settled_B = seen.settled_B & ~begins_B

    def _explore(self, seen: SlowFastState, state: StepState, place_BK: Tensor, exploring_B: Tensor) -> None:
        """The end, by this step's confidences, of rows that explore and have not settled on one."""
        import torch

        far_BK = state.masked_BK & (state.confidence_BK >= self.min_confidence)
        # Where nothing can be trusted, one position.
        far_B = torch.maximum((place_BK + 1).where(far_BK, 0).amax(1), seen.start_B + 1)
        looks_B = exploring_B & ~seen.settled_B
        ends_BN = torch.cat([seen.ends_BN[:, 1:], far_B[:, None]], 1)
        known_B = (seen.explored_B + 1).clamp(max=self.window)
        sum_B = ends_BN.where(_last(ends_BN, known_B), 0).sum(1)
        # N² x the variance, exactly.
        spread_B = self.window * ends_BN.square().sum(1) - ends_BN.sum(1).square()
        settles_B = (known_B == self.window) & (spread_B < (self.window * self.stability) ** 2)
        seen.ends_BN = ends_BN.where(looks_B[:, None], seen.ends_BN)
        seen.end_B = torch.where(settles_B, far_B, sum_B // known_B).where(looks_B, seen.end_B)
        seen.settled_B = seen.settled_B | (looks_B & settles_B)


def _last(values_BN: Tensor, count_B: Tensor) -> Tensor:
    """The last so many of each row, bool."""
    left_N = values_BN.new_ones(values_BN.shape[1]).cumsum(0).flip(0)  # N to 1
    return left_N <= count_B[:, None]
