"""ADAS (arXiv 2606.10829): an order of confidence in which what attends to doubtful choices comes later.

docs/method.md, section 2. Shapes: B rows, K block length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from axon.checks import check_range
from axon.decoders.base import Decoder
from axon.elementwise import where_else
from axon.proposal import Proposal

if TYPE_CHECKING:
    from torch import Tensor

    from axon.state import StepState


# Below every utility, and too large for a discount to change: in place of a confidence of minus infinity, by which an
# end-of-text rule holds a position back, and of what is not masked.
HELD, UNMASKED = -1e300, -1e305


@dataclass(frozen=True, kw_only=True)
class Discounted(Decoder):
    """A decoder that reveals the first positions of an order, which attention may discount."""

    attention_discount: float = 0.0  # ADAS's alpha, 40 as published; 0: the decoder's own order

    def __post_init__(self) -> None:
        check_range("decoder.attention_discount", self.attention_discount, 0.0, float("inf"))

    @property
    def needs_attention(self) -> bool:  # type: ignore[override]
        """Without a discount no attention is captured."""
        return self.attention_discount > 0

    def identity(self) -> dict[str, Any]:
        """The discount came later, so that at its default it is in no stored id."""
        own = super().identity()
        if not self.attention_discount:
            del own["attention_discount"]
        return own

    def discounted(
        self, state: StepState, first: Callable[[Tensor], Tensor], rounds: int | None = None
    ) -> Proposal:
        """What `first` reveals of the discounted order: it is given ranks (B, K), and stops where the decoder does.

        `rounds`: it reveals no more positions of a row than that; None: than a block has.
        """
        reveal_BK = first(discounted_rank(state, self.attention_discount, rounds))
        state.counts.add_held(first(state.rank(state.confidence_BK, state.masked_BK)), reveal_BK)
        return Proposal(reveal_BK)


def discounted_rank(state: StepState, discount: float, rounds: int | None = None) -> Tensor:
    """The rank of each masked position by utility, (B, K), K from rank `rounds` on; unmasked ones come last.

    The utility of i, given those before it, is c_i - discount x the sum over these s of A_is (1 - c_s). The number of
    rounds is fixed, since to ask how many are needed would wait for the device.
    """
    import torch  # here, so that settings can be checked without torch

    count, length = state.masked_BK.shape
    doubt_BK = (1 - state.confidence_BK).clamp(max=1.0)
    discounts_BKK = state.attention().double() * (discount * doubt_BK)[:, None, :]
    utility_BK = where_else(state.masked_BK, state.confidence_BK.clamp(min=HELD), UNMASKED)
    order: list[Tensor] = []
    for _ in range(length if rounds is None else min(rounds, length)):
        best_B1 = utility_BK.argmax(1, keepdim=True)
        utility_BK = utility_BK - discounts_BKK.gather(2, best_B1[..., None].expand(-1, length, -1))[..., 0]
        utility_BK.scatter_(1, best_B1, -torch.inf)
        order.append(best_B1)
    ranks_N = torch.arange(len(order), device=doubt_BK.device)
    rank_BK = torch.full_like(best_B1, length).repeat(1, length)
    return rank_BK.scatter_(1, torch.cat(order, 1), ranks_N.expand(count, -1))
