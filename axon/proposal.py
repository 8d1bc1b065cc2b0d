"""What a decoder answers with, and what AXON makes of it.

Shapes: B rows, K block length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from axon.answers import check_answer
from axon.elementwise import and_not

if TYPE_CHECKING:
    from torch import Tensor

# From this many steps per position of a block on, remasking is ignored. Every step reveals at least one position, or
# is one of the decoder's `post_steps`, so a block of K positions ends within (REMASK_STEPS + 1) x K steps and these,
# whatever its decoder proposes.
REMASK_STEPS = 4


@dataclass(frozen=True)
class Proposal:
    """What a decoder wants changed in the current block of each row. Nothing outside the block can change.

    - reveal: masked positions that get x0. AXON may choose others in their place. Where a row has none, the most
      confident masked position is revealed: a step always reveals something, unless the block is full
      (`Decoder.post_steps`).
    - remask: revealed positions to mask again. From step `REMASK_STEPS` x K of a block on this is ignored, so that
      every block ends.
    - replace: revealed positions whose token becomes `token_BK`, which is never the mask token.

    What is asked of a remainder of the prompt that shares the block is ignored, too. No position is both remasked and
    replaced. Only decoders that declare `revises` remask or replace.

    by_threshold() says where the decoder's `leeway_of` alone decides, by confidence (axon/leeway.py): (B, K) bool, the
    positions revealed that a higher one would keep from being revealed, and those kept that a lower one would reveal.
    Under every value that reveals the same it has to lead to the same leeway: a search goes by it, and which of two
    equal decodes was made first must not matter. It is called only where somebody wants to know.
    """

    reveal_BK: Tensor
    remask_BK: Tensor | None = None
    replace_BK: Tensor | None = None
    token_BK: Tensor | None = None  # read at the positions of replace_BK alone
    by_threshold: Callable[[], Tensor] | None = None

    @property
    def revises(self) -> bool:
        """Whether it asks for more than reveals."""
        return self.remask_BK is not None or self.replace_BK is not None

    def broken_B(self, masked_BK: Tensor, mask_id: int) -> Tensor:
        """Rows in which a rule above is broken, bool; left on the device, since reading it would wait for it."""
        for asked_BK in (self.reveal_BK, self.remask_BK, self.replace_BK):
            if asked_BK is not None:
                check_answer("a proposal", asked_BK, masked_BK.shape, kind="bool")
        broken_BK = and_not(self.reveal_BK, masked_BK)
        if self.remask_BK is not None:
            broken_BK = broken_BK | (self.remask_BK & masked_BK)
        if self.replace_BK is not None:
            if self.token_BK is None:
                raise AssertionError("a proposal replaces tokens without saying by which; give it token_BK")
            broken_BK = broken_BK | (self.replace_BK & (masked_BK | (self.token_BK == mask_id)))
            if self.remask_BK is not None:
                broken_BK = broken_BK | (self.replace_BK & self.remask_BK)
        return broken_BK.any(1)


@dataclass(frozen=True)
class Reveal:
    """The positions that a step reveals, and who chose them."""

    positions_BK: Tensor  # bool, of the block
    by_B: Tensor | None = None  # index into trace.CHOOSERS; None: the decoder, everywhere
    fired_B: Tensor | None = None  # bool, rows in which AXON did; None: nowhere
