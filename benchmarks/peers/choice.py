"""What the loops share: tokens with their confidence, and how many a step reveals. Shapes: B rows, L columns."""

from __future__ import annotations

import torch
from torch import Tensor


def likeliest(logits_BLV: Tensor) -> tuple[Tensor, Tensor]:
    """The likeliest token and its probability by a softmax in float64 over all positions, (B, L) each."""
    tokens_BL = torch.argmax(logits_BLV, dim=-1)
    probability = torch.softmax(logits_BLV.to(torch.float64), dim=-1)
    return tokens_BL, torch.gather(probability, -1, tokens_BL[..., None]).squeeze(-1)


def evenly(count: int, steps: int) -> list[int]:
    """`count` spread over the steps, the remainder first."""
    return [count // steps + (step < count % steps) for step in range(steps)]


def by_threshold(masked_BL: Tensor, confidence_BL: Tensor, threshold: float) -> Tensor:
    """All masked positions at or above the threshold, and of each row the most confident one.

    As in the copies that DAWN and AXON ship (Jerryaa98/AXON: llada/generate.py): without a loop over positions.
    """
    lowest = torch.finfo(confidence_BL.dtype).min
    ranked_BL = torch.where(masked_BL, confidence_BL, lowest)
    chosen_BL = masked_BL & (ranked_BL >= threshold)
    best_B1 = ranked_BL.argmax(dim=1, keepdim=True)
    return (chosen_BL | torch.zeros_like(chosen_BL).scatter_(1, best_B1, True)) & masked_BL
