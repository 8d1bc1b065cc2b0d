"""Nucleus sampling as Dream's sampler does it (DreamLM/Dream, `sample_tokens` of its generation_utils.py).

Logits are divided by the temperature, then limited to the likeliest tokens that together reach `top_p`. A token is
drawn from what is left, and its confidence is its probability there. Shapes: V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor


def nucleus(logits: Tensor, mask_id: int, temperature: float, top_p: float) -> Tensor:
    """`logits` / `temperature` (..., V) float64, minus infinity outside the nucleus and at the mask token.

    The nucleus ends with the token that takes the sum of probabilities past `top_p`, so that it is never empty.
    """
    tempered = logits.double() / temperature
    tempered[..., mask_id] = -torch.inf
    if top_p >= 1:  # roundings of the sum must not leave out the last
        return tempered
    ranked, order = tempered.sort(dim=-1, descending=True, stable=True)
    probability = ranked.softmax(-1)
    outside = probability.cumsum(-1) - probability > top_p
    return tempered.masked_fill(torch.zeros_like(outside).scatter_(-1, order, outside), -torch.inf)
