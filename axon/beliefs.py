"""The model's beliefs at chosen positions: the likeliest token, its probability, a sample.

Shapes: B rows, K positions, V vocabulary, N flat positions. Probabilities are float64, as in the reference.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# Logits that are turned into float64 at once, where all of them are too many.
CACHED_ELEMENTS = 1 << 24
BYTES = 32  # of one logit: 4 as it is, 3 copies in float64, 4 as the result


def most_likely(logits: Tensor, mask_id: int) -> tuple[Tensor, Tensor, Tensor]:
    """The likeliest token other than the mask token, its probability (float64), and the log of the partition sum.

    The mask token keeps its share of the probability; it is only never chosen. `logits` (..., V) is not changed.
    """
    partition = logits.double().logsumexp(-1)
    allowed = logits.clone()
    allowed[..., mask_id] = -torch.inf
    best, token = allowed.max(-1)
    return token, (best.double() - partition).exp(), partition


def sample(
    logits_BKV: Tensor, mask_id: int, temperature: float, generators: Sequence[torch.Generator]
) -> Tensor:
    """Gumbel-max tokens (B, K). A row draws from its own generator, the same amount whatever its state or the batch."""
    uniform_BKV = uniform(logits_BKV.shape[1:], generators, logits_BKV.device)
    gumbel_BKV = -torch.log(-torch.log(uniform_BKV.clamp(min=torch.finfo(torch.float64).tiny)))
    noisy_BKV = logits_BKV.double() / temperature + gumbel_BKV
    noisy_BKV[..., mask_id] = -torch.inf
    return noisy_BKV.argmax(-1)


def uniform(shape: torch.Size, generators: Sequence[torch.Generator], device: torch.device) -> Tensor:
    """Uniform numbers, float64, `shape` for each generator: (B, *shape)."""
    return torch.stack(
        [torch.rand(shape, generator=one, dtype=torch.float64, device=device) for one in generators]
    )
