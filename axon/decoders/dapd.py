"""DAPD (arXiv 2603.12996): masked positions that hardly attend to each other are revealed together.

docs/method.md, section 2. Shapes: B rows, K block length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from axon.checks import check_choice, check_range
from axon.decoders.base import Decoder
from axon.decoders.dawn import independent_set
from axon.elementwise import and_not
from axon.proposal import Proposal

if TYPE_CHECKING:
    from torch import Tensor

    from axon.state import StepState

Variant = Literal["staged", "direct"]

LATE = 0.5  # the share of all that is generated from which on `staged` reveals what is sure
LEAST = 1e-8  # a position's strongest dependence, where it is less


@dataclass(frozen=True, kw_only=True)
class Dapd(Decoder):
    """A set of masked positions none of which depends on another one of it, and what has c >= `threshold`.

    A position depends on others whose dependence is more than a share of its strongest one. That share rises from
    `tau_min` to `tau_max` as the answer fills up. What is sure is added in the second half of it (`staged`), or
    revealed from the first step on and no part of the graph (`direct`).
    """

    needs_attention: ClassVar[bool] = True

    name: Literal["dapd"] = "dapd"
    variant: Variant = "staged"
    tau_min: float = 0.01
    tau_max: float = 0.15
    threshold: float = 0.9

    def __post_init__(self) -> None:
        check_choice("decoder.variant", self.variant, Variant)
        for key in ("tau_min", "tau_max", "threshold"):
            check_range(f"decoder.{key}", getattr(self, key), 0.0, 1.0)

    def propose(self, state: StepState) -> Proposal:
        """Those that depend on others most come first, weighted by confidence."""
        # An end-of-text rule holds positions back by a confidence of minus infinity.
        masked_BK = state.masked_BK & (state.confidence_BK >= 0)
        revealed_B1 = state.revealed()[:, None]
        sure_BK = masked_BK & (state.confidence_BK >= self.threshold)
        candidates_BK = masked_BK
        if self.variant == "staged":
            sure_BK = sure_BK & (revealed_B1 >= LATE)
        else:
            candidates_BK = and_not(masked_BK, sure_BK)
        dependence_BKK = dependence(state.attention(), masked_BK)
        strongest_BK1 = dependence_BKK.amax(2, keepdim=True).clamp(min=LEAST)
        tau_B1 = self.tau_min + (self.tau_max - self.tau_min) * revealed_B1
        depends_BKK = dependence_BKK / strongest_BK1 > tau_B1[..., None]
        rank_BK = state.rank(dependence_BKK.sum(2) * state.confidence_BK, candidates_BK)
        # As many rounds as a block has positions, since to ask how many are needed would wait for the device.
        set_BK = independent_set(candidates_BK, depends_BKK, rank_BK, rounds=masked_BK.shape[1])
        reveal_BK = sure_BK | set_BK
        state.counts.add_held(masked_BK, reveal_BK)
        return Proposal(reveal_BK)


def dependence(attention_BKK: Tensor, masked_BK: Tensor) -> Tensor:
    """The attention between two masked positions, the mean of both directions, (B, K, K) float64; else 0."""
    # In float64, where sums of a few float32 values are the same in every order.
    attention_BKK = attention_BKK.double()
    mean_BKK = (attention_BKK + attention_BKK.transpose(1, 2)) / 2
    mean_BKK.diagonal(dim1=1, dim2=2).zero_()
    return mean_BKK * (masked_BK[:, :, None] & masked_BK[:, None, :])
