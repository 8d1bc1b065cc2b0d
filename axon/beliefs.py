"""The model's beliefs at chosen positions: the likeliest token, its probability, a sample.

Shapes: B rows, K positions, V vocabulary, N flat positions, M some of them, G groups of S neighbouring tokens.
Probabilities are float64, as in the reference; what is summed for them is float32 where the logits are, with the
largest term left out, so that 1 - p keeps its digits where p is nearly 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from axon.chunks import chunk_elements, joined
from axon.processor import INTEL, maker_and_family

# Logits that are turned into float64 at once, where all of them are too many.
CACHED_ELEMENTS = 1 << 24
BYTES = 32  # of one logit: 4 as it is, 3 copies in float64, 4 as the result
SUMMED_ELEMENTS = 1 << 18  # probabilities that each thread holds at once for the partition sum: 1 MB
GROUP = 256  # at most so many neighbours are compared before their places are
LEAST_GROUP = 32  # with fewer, a search for places is no slower
# Logits count as at most so far below the largest: what is further adds less than 1e-24 of it, and some processors take
# twice as long for the exponentials, which float32 can't hold with all digits.
RANGE = 70.0


def most_likely(logits: Tensor, mask_id: int) -> tuple[Tensor, Tensor, Tensor]:
    """The likeliest token other than the mask token, its probability (float64), and the log of the partition sum.

    The mask token keeps its share of the probability; it is only never chosen. `logits` (..., V) is contiguous, and
    afterwards what it was. For float32 logits, 1 - p and the partition sum less its largest term have a relative error
    of some 1e-7, less than the rounding of the logits makes, as far as float64 tells p from 1.
    """
    logits_NV = logits.view(-1, logits.shape[-1])
    column_N1 = logits_NV[:, mask_id : mask_id + 1]
    masks_N1 = column_N1.to(torch.float64, copy=True)
    column_N1.fill_(-torch.inf)  # for a moment: a copy of all logits would take longer than the search
    best_N1, token_N1, others_N1 = _likeliest_and_others(logits_NV)
    column_N1.copy_(masks_N1)
    best_N1 = best_N1.double()
    partition_N1 = torch.logaddexp(others_N1.log1p_().add_(best_N1), masks_N1)
    p_max_N1 = (best_N1 - partition_N1).exp_()
    shape = logits.shape[:-1]
    return token_N1.view(shape), p_max_N1.view(shape), partition_N1.view(shape)


def _likeliest_and_others(logits_NV: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The largest logit of each row, its first place, and the sum of the other probabilities relative to its own.

    (N, 1) each; that sum is float64.
    """
    best_N1, token_N1 = _first_largest(logits_NV)
    return best_N1, token_N1, _sum_of_others(logits_NV, best_N1, token_N1)


def _first_largest(logits_NV: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of each row, and its first place, (N, 1) each: by groups, as processors are slow to find places."""
    if not (size := _group(logits_NV)):
        best_N1, token_N1 = logits_NV.max(1, keepdim=True)
        return best_N1, token_N1
    grouped_NGS = logits_NV.unflatten(1, (-1, size))
    best_N1, group_N1 = grouped_NGS.amax(2).max(1, keepdim=True)
    within_N1S = grouped_NGS.gather(1, group_N1[..., None].expand(-1, -1, size))
    return best_N1, group_N1 * size + within_N1S.argmax(2)


def _sum_of_others(logits_NV: Tensor, best_N1: Tensor, token_N1: Tensor) -> Tensor:
    """The probability of all tokens but the likeliest, relative to its own: (N, 1) float64.

    A few rows at a time, in one buffer. Groups are summed first, so that a row's sum has one order, however many rows
    there are.
    """
    (count, vocabulary), device = logits_NV.shape, logits_NV.device
    rows = chunk_elements(device, BYTES, SUMMED_ELEMENTS * torch.get_num_threads()) // vocabulary
    rows = max(1, min(count, rows))
    dtype = torch.float64 if logits_NV.dtype is torch.float64 else torch.float32
    buffer_NV = torch.empty((rows, vocabulary), dtype=dtype, device=device)
    wholes = logits_NV, best_N1.to(dtype), token_N1
    likeliest, others, size = list[Tensor](), list[Tensor](), _group(logits_NV)
    parts = [wholes] if count <= rows else zip(*(whole.split(rows) for whole in wholes), strict=True)
    for some_MV, best_M1, token_M1 in parts:
        share_MV = buffer_NV[: len(some_MV)]
        _exponentials(some_MV, best_M1, share_MV)
        likeliest.append(share_MV.gather(1, token_M1))
        share_MV.scatter_(1, token_M1, 0.0)
        if size:
            others.append(share_MV.unflatten(1, (-1, size)).sum(2))
        else:
            others.append(share_MV.sum(1, keepdim=True, dtype=torch.float64))
    return joined(others).sum(1, keepdim=True, dtype=torch.float64).div_(joined(likeliest))


def _exponentials(logits_MV: Tensor, best_M1: Tensor, out_MV: Tensor) -> None:
    """Of each row's logits, relative to the largest, or to the sum: whichever takes less time.

    Neither tells where in memory a row lies, or beside which others.
    """
    if out_MV.is_cpu and _quick():
        torch.sub(logits_MV, best_M1, out=out_MV).clamp_(min=-RANGE).exp_()
    else:
        torch.maximum(logits_MV, best_M1 - RANGE, out=out_MV)
        torch.softmax(out_MV, 1, out=out_MV)


@cache
def _quick() -> bool:
    """Whether exponentials by themselves take less time than a softmax on this processor.

    They are oneMKL's, which is quick on Intel's: there the three steps take half of the softmax's time.
    """
    return maker_and_family()[0] == INTEL


def _group(values_NV: Tensor) -> int:
    """How many neighbours make a group: all groups alike; 0 where they would be too small to help."""
    size = math.gcd(values_NV.shape[1], GROUP)
    return size if size >= LEAST_GROUP else 0


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
