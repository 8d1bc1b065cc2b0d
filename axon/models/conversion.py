"""How one tensor of a network is made from the tensors of a checkpoint: several may go into one, or one be split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def _unchanged(sources: list[Tensor]) -> Tensor:
    [tensor] = sources
    return tensor


@dataclass(frozen=True)
class Conversion:
    """The checkpoint's tensors that make up one tensor of the network, and the function that combines them.

    `make` is first tried on tensors that have shapes and no numbers (PyTorch's "meta" device), so it consists of
    operations such as stacking, concatenating, slicing and transposing, and decides nothing by values.
    """

    sources: tuple[str, ...]  # names in the checkpoint
    make: Callable[[list[Tensor]], Tensor] = _unchanged


# From the shapes that the network expects, by transformers' names, to how each of its tensors is made.
Convert = Callable[[Mapping[str, "torch.Size"]], Mapping[str, Conversion]]


def same_names(expected: Mapping[str, torch.Size]) -> dict[str, Conversion]:
    """The conversion of a checkpoint whose names are transformers' own."""
    return {name: Conversion((name,)) for name in expected}
