"""How far each row of a batch is: a few numbers on the device, which the host reads once a step.

Shapes: B rows, N numbers of a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

NUMBERS = 8
STEPS, BLOCK, BROKEN, TEXT_OVER, BLOCK_STEP, ANCHOR_STEPS, POST_STEPS, FULL = range(NUMBERS)


@dataclass(frozen=True)
class Pace:
    """Changed in place. All numbers lie in one tensor: a step changes them at once, and the host reads them at once."""

    numbers_BN: Tensor

    @classmethod
    def start(cls, rows: int, device: torch.device) -> Pace:
        """Of so many fresh rows."""
        return cls(torch.zeros((rows, NUMBERS), dtype=torch.long, device=device))

    @cached_property
    def steps_B(self) -> Tensor:
        """Steps that the row has had."""
        return self.numbers_BN[:, STEPS]

    @cached_property
    def block_B(self) -> Tensor:
        """Its current block."""
        return self.numbers_BN[:, BLOCK]

    @cached_property
    def text_over_B(self) -> Tensor:
        """1 where everything up to an end-of-text is final, as far as the sampler looks for that."""
        return self.numbers_BN[:, TEXT_OVER]

    @cached_property
    def block_step_B(self) -> Tensor:
        """Steps that the current block has had."""
        return self.numbers_BN[:, BLOCK_STEP]

    @cached_property
    def post_steps_B(self) -> Tensor:
        """Steps that the current block has had while it was full, and the coming one if it is."""
        return self.numbers_BN[:, POST_STEPS]

    @cached_property
    def full_B(self) -> Tensor:
        """1 where the block is full and goes on all the same (`Decoder.post_steps`)."""
        return self.numbers_BN[:, FULL]

    def end_step(
        self, over_B: Tensor, fired_B: Tensor | None, broken_B: Tensor, post_B: Tensor | None = None
    ) -> None:
        """One step more; in rows whose block is `over_B` the next one begins.

        `fired_B`: rows in which AXON intervened; None: in none. `broken_B`: rows whose proposal broke a rule. `post_B`:
        rows whose block is full and goes on; None: no block ever does.
        """
        fired_B = self._none_B if fired_B is None else fired_B
        posts_B = self._none_B if post_B is None else post_B
        more = [self._one_B, over_B, broken_B, self._none_B, self._one_B, fired_B, posts_B, self._none_B]
        self.numbers_BN.add_(torch.stack(more, 1))
        if post_B is not None:
            self.full_B.copy_(post_B)
        self._of_block_BN.masked_fill_(over_B[:, None], 0)

    def read(self, other_B1: Tensor | None = None) -> list[list[int]]:
        """The numbers, those of all rows together for each, `other_B1` last: the host waits for the device, once."""
        numbers_BN = self.numbers_BN if other_B1 is None else torch.cat([self.numbers_BN, other_B1], 1)
        read: list[list[int]] = numbers_BN.T.tolist()
        return read

    @cached_property
    def _of_block_BN(self) -> Tensor:
        return self.numbers_BN[:, BLOCK_STEP:]

    @cached_property
    def _one_B(self) -> Tensor:
        return torch.ones_like(self.steps_B, dtype=torch.bool)

    @cached_property
    def _none_B(self) -> Tensor:
        return torch.zeros_like(self._one_B)
