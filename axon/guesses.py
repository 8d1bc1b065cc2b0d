"""What a step would have written where it revealed nothing, kept for decoders whose passes look ahead.

Shapes: B rows, K block length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Guesses:
    """Of each row's last step, which was on the same block: of a block's first step there are none."""

    token_BK: Tensor  # x0
    confidence_BK: Tensor  # c, float64


@dataclass(frozen=True)
class Ahead:
    """The guesses that a pass found worth keeping: they are revealed in the step that it belongs to."""

    happens_BK: Tensor  # bool
    token_BK: Tensor  # there, what is written
    confidence_BK: Tensor  # there, c of it in the step before
