"""Linear maps of the same states, as queries, keys and values are: one product where that is sooner and exact enough.

Their weights stay the network's own parameters, but lie one after the other in one memory, of which each is a part: no
weight is held twice, and what changes a parameter in place changes the product. Who gives a parameter other memory, as
`.to` does, parts them: what they were joined in is let go with the next pass, and they are products of their own again.

Shapes: N positions, K terms of each sum, F outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from axon.models.product import Multiply, joinable, joint_way

# Transformers' names, in the order of reading.
TOGETHER = ("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj")
Linear = tuple[Tensor, Tensor | None]  # weight (F, K), bias (F)


class Joined:
    """Maps that are called together, in groups whose results lie beside each other in one tensor."""

    def __init__(self, *groups: Sequence[Any]) -> None:
        self._groups = [[linear_of(module) for module in group] for group in groups]
        self.parts = [part for group in self._groups for part in group]
        weights = [weight for weight, _ in self.parts]
        biases = [bias for _, bias in self.parts if bias is not None]
        self._outputs = tuple(map(len, weights))
        self._widths = [sum(len(weight) for weight, _ in group) for group in self._groups]
        self._whole: Linear | None = None
        if joinable(weights) and len(biases) in (0, len(weights)):
            self._whole = join(weights), join(biases) if biases else None
        self._owned = [*weights, *biases]
        self._places = _places(self._owned)

    def __call__(self, x_NK: Tensor, multiply: Multiply) -> Sequence[Tensor]:
        """What each group makes of the states, (N, sum of its F); strided where all were one product."""
        if (whole := self._still_whole()) is not None:
            way = joint_way(x_NK, multiply, self._outputs, whole[1] is not None)
            if way is not None:
                return way(x_NK, *whole).split_with_sizes(self._widths, 1)
        made = ([multiply(x_NK, *part) for part in group] for group in self._groups)
        return [of_group[0] if len(of_group) == 1 else torch.cat(of_group, 1) for of_group in made]

    def _still_whole(self) -> Linear | None:
        """None once a parameter lies elsewhere than it was put, and where torch compiles, which can't ask."""
        if self._whole is None or torch.compiler.is_compiling():
            return None
        if _places(self._owned) != self._places:
            self._whole = None
        return self._whole


def join_read(weights: Mapping[str, Tensor], name: str) -> None:
    """Join those that `name` is the last of, as soon as it is read: memory has room for no more than one of them twice.

    Joined when all are read, each would leave a hole that is too small for the next.
    """
    for group in TOGETHER:
        before, last, _ = name.rpartition(f".{group[-1]}.weight")
        if last and joinable(found := [weights[f"{before}.{part}.weight"] for part in group]):
            join(found)


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


def join(parts: Sequence[Tensor]) -> Tensor:
    """One tensor, of which they are the parts from now on; of parts that lie so already, no copy."""
    first = parts[0].detach()
    ends = [part.data_ptr() + part.nbytes for part in parts]
    storages = {part.untyped_storage().data_ptr() for part in parts}
    if len(storages) > 1 or ends[:-1] != _places(parts)[1:]:
        first = torch.cat([part.detach() for part in parts])
        for part, own in zip(parts, first.split([len(part) for part in parts]), strict=True):
            part.data = own
    return first.as_strided((sum(map(len, parts)), *first.shape[1:]), first.stride())
