"""Linear maps of the same states, as queries, keys and values are: one product where that is sooner and exact enough.

Their weights stay the network's own parameters, but lie one after the other in one memory, of which each is a part: no
weight is held twice, and what changes a parameter in place changes the product. Who gives a parameter other memory, as
`.to` does, parts them: what they were joined in is let go with the next pass, and they are products of their own again.

Shapes: N positions, K terms of each sum, F outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from axon.models.product import Multiply, joinable, joint_way

Linear = tuple[Tensor, Tensor | None]  # weight (F, K), bias (F)


class Joined:
    """Maps that are called together."""

    def __init__(self, *parts: Any) -> None:
        self.parts = tuple(map(linear_of, parts))
        weights = [weight for weight, _ in self.parts]
        biases = [bias for _, bias in self.parts if bias is not None]
        self._outputs = tuple(map(len, weights))
        self._whole: Linear | None = None
        if joinable(weights) and len(biases) in (0, len(weights)):
            self._whole = _join(weights), _join(biases) if biases else None
        self._owned = (*weights, *biases)
        self._places = _places(self._owned)

    def __call__(self, x_NK: Tensor, multiply: Multiply) -> Sequence[Tensor]:
        """What each makes of the states, (N, F)."""
        whole = self.at_once(x_NK, multiply)
        if whole is None:
            return [multiply(x_NK, *part) for part in self.parts]
        return whole.split_with_sizes(self._outputs, 1)

    def at_once(self, x_NK: Tensor, multiply: Multiply) -> Tensor | None:
        """The same in one tensor, one after the other; None where they are not one product."""
        if self._whole is None:
            return None
        way = joint_way(x_NK, multiply, self._outputs, self._whole[1] is not None)
        return way(x_NK, *self._whole) if way is not None and self._together() else None

    def _together(self) -> bool:
        """Whether the parameters still lie where they were put; they don't come back."""
        together = _places(self._owned) == self._places
        if not together:
            self._whole = None
        return together


def linear_of(part: Any) -> Linear:
    """Weight and bias."""
    weight: Tensor = plain(part, nn.Linear).weight
    return weight, part.bias


def plain(part: Any, kind: type[nn.Module]) -> Any:
    """The module. Raises ValueError for one that computes more than that kind does, as an adapter."""
    if type(part) is not kind:
        raise ValueError(
            f"{type(part).__name__}: only a plain {kind.__name__} is computed here, of which the weights alone are "
            "read; merge an adapter into it (peft: merge_and_unload), and load a quantized network in bfloat16"
        )
    return part


def _places(tensors: Sequence[Tensor]) -> list[int]:
    return [tensor.data_ptr() for tensor in tensors]


def _join(parts: Sequence[Tensor]) -> Tensor:
    """One tensor, of which they are the parts from now on; of parts that lie so already, no copy."""
    first = parts[0].detach()
    ends = [part.data_ptr() + part.nbytes for part in parts]
    storages = {part.untyped_storage().data_ptr() for part in parts}
    if len(storages) > 1 or ends[:-1] != _places(parts)[1:]:
        first = torch.cat([part.detach() for part in parts])
        for part, own in zip(parts, first.split([len(part) for part in parts]), strict=True):
            part.data = own
    return first.as_strided((sum(map(len, parts)), *first.shape[1:]), first.stride())
