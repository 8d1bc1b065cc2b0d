"""Dynamic sliding block (DSB): the confidence rule on the leftmost masked positions, however many are revealed.

Shapes: B rows, K block length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from axon.checks import check_range, check_whole
from axon.decoders.base import Decoder
from axon.proposal import Proposal

if TYPE_CHECKING:
    from torch import Tensor

    from axon.state import StepState

SHARE = 8  # the published window is an eighth of the answer


@dataclass(frozen=True, kw_only=True)
class Dsb(Decoder):
    """Of the `window` leftmost masked positions all with c >= `threshold`, and always the most confident.

    With `max_window` none of them is that far from the first. Luo et al., arXiv 2602.05992; lizhuo008/DSB.
    """

    leeway_of: ClassVar[str] = "threshold"

    name: Literal["dsb"] = "dsb"
    threshold: float = 0.9
    window: int | None = None  # None: an eighth of the block
    max_window: int | None = None  # None: the window is as wide as it takes

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)
        for name in ("window", "max_window"):
            if getattr(self, name) is not None:
                check_whole(f"decoder.{name}", getattr(self, name), 1)

    def propose(self, state: StepState) -> Proposal:
        window_BK = self._window(state.masked_BK)
        confidence_BK = state.confidence_BK.where(window_BK, -1.0)
        best_BK = state.highest(confidence_BK) & window_BK
        # The most confident position of the window is revealed under any threshold.
        return Proposal(
            (confidence_BK >= self.threshold) | best_BK, by_threshold=lambda: window_BK & ~best_BK
        )

    def _window(self, masked_BK: Tensor) -> Tensor:
        """The masked positions that may be revealed now, (B, K) bool."""
        number_BK = masked_BK.cumsum(1)  # of masked positions up to here
        window = self.window or max(1, masked_BK.shape[1] // SHARE)
        window_BK = masked_BK & (number_BK <= window)
        if self.max_window is None:
            return window_BK
        from_first_BK = (number_BK > 0).cumsum(1)  # the first masked position is 1
        return window_BK & (from_first_BK <= self.max_window)
