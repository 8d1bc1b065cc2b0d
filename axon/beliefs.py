"""The model's beliefs at chosen positions: the likeliest token, its probability, a sample.

Shapes: B rows, K positions, V vocabulary, N flat positions, G groups of S neighbouring tokens. Probabilities are
float64, as in the reference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from axon.chunks import chunk_elements

# Logits that are turned into float64 at once, where all of them are too many.
CACHED_ELEMENTS = 1 << 24
BYTES = 32  # of one logit: 4 as it is, 3 copies in float64, 4 as the result
DOUBLED_ELEMENTS = 1 << 18  # those that are turned into float64 at once for the partition sum
GROUP = 256  # at most so many neighbours are compared before their places are
LEAST_GROUP = 32  # with fewer, a search for places is no slower


def most_likely(logits: Tensor, mask_id: int) -> tuple[Tensor, Tensor, Tensor]:
    """The likeliest token other than the mask token, its probability (float64), and the log of the partition sum.

    The mask token keeps its share of the probability; it is only never chosen. `logits` (..., V) is contiguous, and
    afterwards what it was.
    """
    logits_NV = logits.view(-1, logits.shape[-1])
    column_N = logits_NV.select(1, mask_id)
    masks_N = column_N.clone()
    column_N.fill_(-torch.inf)  # for a moment: a copy of all logits would take longer than the search
    best_N, token_N = _first_largest(logits_NV)
    column_N.copy_(masks_N)
    partition_N = _log_sum_exp(logits_NV, torch.maximum(best_N, masks_N).double())
    p_max_N = (best_N.double() - partition_N).exp()
    shape = logits.shape[:-1]
    return token_N.view(shape), p_max_N.view(shape), partition_N.view(shape)


def _first_largest(logits_NV: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of each row, and its first place: by groups, since a search for places is slow on a processor."""
    count, vocabulary = logits_NV.shape
    size = math.gcd(vocabulary, GROUP)
    if size < LEAST_GROUP:
        best_N, token_N = logits_NV.max(1)
        return best_N, token_N
    grouped_NGS = logits_NV.view(count, -1, size)
    best_N1, group_N1 = grouped_NGS.amax(2).max(1, keepdim=True)
    within_NS = grouped_NGS.gather(1, group_N1[..., None].expand(-1, -1, size))[:, 0]
    return best_N1[:, 0], group_N1[:, 0] * size + within_NS.argmax(1)


def _log_sum_exp(logits_NV: Tensor, largest_N: Tensor) -> Tensor:
    """The log of the partition sum in float64, (N,), given the largest logit: a few rows at a time, in one buffer."""
    count, vocabulary = logits_NV.shape
    rows = max(1, chunk_elements(logits_NV.device, BYTES, DOUBLED_ELEMENTS) // vocabulary)
    if count <= rows:
        return logits_NV.double().sub_(largest_N[:, None]).exp_().sum(1).log_().add_(largest_N)
    buffer_NV = largest_N.new_empty((rows, vocabulary))
    sums = [
        buffer_NV[: len(some)].copy_(some).sub_(largest[:, None]).exp_().sum(1)
        for some, largest in zip(logits_NV.split(rows), largest_N.split(rows), strict=True)
    ]
    return torch.cat(sums).log_().add_(largest_N)


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
