"""Where the rows of a batch lie, and which columns the positions of a pass see.

Shapes: B rows, W columns that a pass sees, Q columns that it computes: all of them, without a cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from axon.columns import Counted


@dataclass(frozen=True)
class Layout:
    """Where the rows of a batch lie on the canvas, or on the columns of it that a pass sees (W)."""

    prefix: int  # columns before the generated area
    starts_B: Tensor  # first real column of each row
    real_BW: Tensor  # bool, not padding
    positions_BQ: Tensor  # position ids of what the pass computes, 0 at the first real column
    mask: Tensor | None  # additive, (B, 1, 1 or Q, W); None: every position sees every column
    # Of K more columns after the canvas, which nobody on it sees, additive, (B, 1, K, W + K); None: there are none.
    shadow_mask: Tensor | None = None

    @property
    def seen(self) -> int:
        """Columns that a pass sees, W: every position is below it."""
        return self.real_BW.shape[1]

    @cached_property
    def width_B(self) -> Tensor:
        """Real columns of each row."""
        return self.real_BW.sum(1)

    def of_rows(self, rows_R: Tensor) -> Layout:
        """That of the rows at those places, of which some may be there several times. They have no shadows."""
        return Layout(
            self.prefix,
            self.starts_B[rows_R],
            self.real_BW[rows_R],
            self.positions_BQ[rows_R],
            None if self.mask is None else self.mask[rows_R],
        )

    @cached_property
    def counted(self) -> Counted:
        """All real positions."""
        return Counted(self.real_BW, self.width_B)


def positions(columns: Tensor, starts_B: Tensor) -> Tensor:
    """Position ids of columns, (Q,) or (B, Q): 0 at each row's first real one, and in the padding."""
    return (columns - starts_B[:, None]).clamp(min=0)


def additive(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """The mask that is added to scores, 0 where `seen`."""
    mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return mask.masked_fill_(~seen, torch.finfo(dtype).min)
