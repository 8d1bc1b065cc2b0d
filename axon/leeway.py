"""How far a decoder's threshold could have been another and nothing of a decode been different.

A threshold decides for or against single positions, by their confidence. So a step reveals the same under all
thresholds between the highest confidence that it was too high for and the lowest that it was not, and a row is decoded
alike under those that lie between for all of its steps: its *leeway*. A decode under another threshold of the leeway
would be a repetition, AXON's part in it included, which sees of the threshold what the decoder proposes.

Shapes: B rows, K block length.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from axon.elementwise import and_not, where_else
from axon.proposal import Proposal
from axon.reads import Undeclared


@dataclass
class Leeway:
    """Of the rows being decoded, by the steps that they have had; float64."""

    above_B: Tensor
    below_B: Tensor

    @classmethod
    def whole(cls, rows: int, device: torch.device) -> Leeway:
        """Before the first step: any threshold."""
        above_B = torch.full((rows,), -torch.inf, dtype=torch.float64, device=device)
        return cls(above_B, -above_B)

    def narrowed(
        self, proposal: Proposal, reveal_BK: Tensor, top_one_BK: Tensor, confidence_BK: Tensor
    ) -> Leeway:
        """After a step. `reveal_BK`: what comes of the proposal, at least one in each row. `top_one_BK`: what would if
        it were empty, so that where nothing else is revealed a higher threshold reveals the same.
        """
        if proposal.by_threshold is None:
            raise Undeclared("a decoder that declares leeway_of says where that decides")
        by_threshold_BK = proposal.by_threshold()
        refused_BK, passed_BK = and_not(by_threshold_BK, reveal_BK), by_threshold_BK & reveal_BK
        above_B = where_else(refused_BK, confidence_BK, -torch.inf).amax(1)
        below_B = where_else(passed_BK, confidence_BK, torch.inf).amin(1)
        alone_B = (reveal_BK == top_one_BK).all(1)
        below_B = below_B.masked_fill(alone_B, torch.inf)
        return Leeway(torch.maximum(self.above_B, above_B), torch.minimum(self.below_B, below_B))

    def of_row(self, place: int) -> tuple[float, float]:
        """Above which and below which, both excluded."""
        return float(self.above_B[place]), float(self.below_B[place])
