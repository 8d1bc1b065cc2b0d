"""Choices among elements in one kernel each: on a GPU a small pass takes as long as it has kernels to start."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def and_not(first: Tensor, second: Tensor) -> Tensor:
    """Where the first is true and the second isn't, of bool tensors."""
    return first > second


def where_else(condition: Tensor, values: Tensor, otherwise: float) -> Tensor:
    """`values` where the condition holds, and that number elsewhere.

    `torch.where` would make a tensor of the number each time.
    """
    return values.where(condition, _number(otherwise, values.dtype, values.device))


@lru_cache(maxsize=64)
def _number(value: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    import torch  # here, so that settings can be checked without torch

    return torch.full((), value, dtype=dtype, device=device)
