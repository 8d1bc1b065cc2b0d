"""How much is held at once of what is too large to hold whole, and is computed a chunk at a time."""

from __future__ import annotations

import torch
from torch import Tensor

MEMORY_SHARE = 24  # of a GPU's memory a chunk takes at most one part in so many


def chunk_elements(device: torch.device, bytes_each: int, cached: int) -> int:
    """How many elements a chunk has, of so many bytes each.

    On a processor `cached`, as many as stay near its cache. On a GPU, where few large operations are what is fast, as
    many as fit into its share of the memory.
    """
    if device.type != "cuda":
        return cached
    return int(torch.cuda.get_device_properties(device).total_memory) // (MEMORY_SHARE * bytes_each)


def joined(parts: list[Tensor]) -> Tensor:
    """What was computed chunk by chunk, as one tensor: without a copy where there is a single one."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)
