"""Mixtures of experts: all experts of a layer in two stacked tensors, and one grouped product for all of them.

Checkpoints keep each expert's projections apart; transformers' modules hold `experts.gate_up_proj` (experts,
2 x width, hidden) and `experts.down_proj` (experts, hidden, width), so that no pass loops over experts in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig
from transformers.integrations.moe import ExpertsInterface, grouped_mm_experts_forward

from axon.models.conversion import Conversion, same_names

# How transformers multiplies (its `experts_implementation`): positions sorted by expert, one torch grouped_mm for each
# of the two products, a position's experts added in float32. Its batched_mm copies an expert's weights for every
# position: 34 GB at LLaDA-MoE's shapes with 256 positions in float32.
GROUPED = "grouped_mm"
# The same products, a position's experts added in the model's type by their numbers. It is the order of a loop over
# the experts, and in bfloat16 another order is another rounding, which may turn the next layer's choice of experts.
IN_ORDER = "axon_grouped_in_order"

_GATE_UP, _DOWN = "experts.gate_up_proj", "experts.down_proj"


Config = TypeVar("Config", bound=PretrainedConfig)


def grouped(kind: Callable[..., Config], adding: str = GROUPED, **fields: Any) -> Config:
    """A config of that kind whose network multiplies its experts in grouped products, added as `adding` says."""
    return kind(**fields, experts_implementation=adding)


def _grouped_in_order(experts: nn.Module, x_ND: Tensor, chosen_NC: Tensor, weights_NC: Tensor) -> Tensor:
    """Each of the C experts of N positions times its weight, added one after the other by number."""
    count, each = chosen_NC.shape
    chosen_NC, order_NC = chosen_NC.sort(dim=1)
    alone = (chosen_NC.reshape(-1, 1), weights_NC.gather(1, order_NC).reshape(-1, 1))
    parts_NCD = grouped_mm_experts_forward(experts, x_ND.repeat_interleave(each, 0), *alone).view(
        count, each, -1
    )
    total_ND = parts_NCD[:, 0]
    for place in range(1, each):
        total_ND = total_ND + parts_NCD[:, place]
    return total_ND


ExpertsInterface.register(IN_ORDER, _grouped_in_order)


def stacked(expected: Mapping[str, torch.Size]) -> dict[str, Conversion]:
    """How the stacked tensors among `expected` are made from those of single experts."""
    found = {}
    for name, shape in expected.items():
        if name.endswith(_GATE_UP):
            found[name] = Conversion(
                _sources(name.removesuffix(_GATE_UP), shape[0], ("gate", "up")), _stack_pairs
            )
        elif name.endswith(_DOWN):
            found[name] = Conversion(_sources(name.removesuffix(_DOWN), shape[0], ("down",)), torch.stack)
    return found


def same_names_stacked(expected: Mapping[str, torch.Size]) -> dict[str, Conversion]:
    """The conversion of a checkpoint whose names are transformers' own, but for its experts, which lie apart."""
    return same_names(expected) | stacked(expected)


def weights_per_position(network: nn.Module) -> int:
    """Weights of routers and experts that one position is multiplied with; no nn.Linear holds them."""
    return sum(
        _weights_of_block(part)
        for part in network.modules()
        if isinstance(getattr(part, "experts", None), nn.Module)
    )


def _sources(prefix: str, experts: int, parts: tuple[str, ...]) -> tuple[str, ...]:
    """Expert by expert, so that all of a stacked tensor's sources lie in its own order."""
    return tuple(
        f"{prefix}experts.{number}.{part}_proj.weight" for number in range(experts) for part in parts
    )


def _stack_pairs(sources: list[Tensor]) -> Tensor:
    """Gate and up projections in turn -> (experts, gate rows then up rows, hidden), with a single copy."""
    single, hidden = sources[0].shape
    return torch.cat(sources).view(-1, 2 * single, hidden)


def _weights_of_block(block: nn.Module) -> int:
    router, experts = block.get_submodule("gate"), block.get_submodule("experts")
    chosen = sum(tensor[0].numel() for tensor in experts.parameters()) * int(router.top_k)  # type: ignore[arg-type]
    return router.get_parameter("weight").numel() + chosen
