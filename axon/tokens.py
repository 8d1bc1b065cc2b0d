"""Token ids on the device. They are sent once: sending them waits for the device, and some are needed in every step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor


def ids_on(device: torch.device, ids: Sequence[int]) -> Tensor:
    """The ids, (N,) int64. Shared: not to be changed."""
    return _sent(tuple(ids), device)


def one_of(tokens: Tensor, ids: Sequence[int]) -> Tensor:
    """Which tokens are among `ids`, bool of their shape."""
    return torch.isin(tokens, ids_on(tokens.device, ids))


@lru_cache(maxsize=64)
def _sent(ids: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.tensor(ids, dtype=torch.long, device=device)
