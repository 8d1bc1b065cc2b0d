"""All experts of a layer in two stacked tensors, made from those of single experts.

Checkpoints keep each expert's projections apart; transformers' modules hold `experts.gate_up_proj` (experts,
2 x width, hidden) and `experts.down_proj` (experts, hidden, width), so that no pass loops over experts in Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from axon.models.conversion import Conversion, same_names
from axon.models.later import Later

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# How transformers multiplies (its `experts_implementation`): positions sorted by expert, one torch grouped_mm for each
# of the two products, a position's experts added in float32. Its batched_mm copies an expert's weights for every
# position: 34 GB at LLaDA-MoE's shapes with 256 positions in float32.
GROUPED = "grouped_mm"
# The same products, a position's experts added in the model's type by their numbers: axon.models.experts. It is the
# order of a loop over the experts, and in bfloat16 another order is another rounding, which may turn the next layer's
# choice of experts.
IN_ORDER = "axon_grouped_in_order"
QWEN3_MOE = Later("axon.models.experts", "Qwen3MoeForCausalLM")  # from there, so that IN_ORDER is known

_GATE_UP, _DOWN = "experts.gate_up_proj", "experts.down_proj"


def stacked(expected: Mapping[str, torch.Size]) -> dict[str, Conversion]:
    """How the stacked tensors among `expected` are made from those of single experts."""
    found = {}
    for name, shape in expected.items():
        if name.endswith(_GATE_UP):
            found[name] = Conversion(
                _sources(name.removesuffix(_GATE_UP), shape[0], ("gate", "up")), _stack_pairs
            )
        elif name.endswith(_DOWN):
            found[name] = Conversion(_sources(name.removesuffix(_DOWN), shape[0], ("down",)), _stack)
    return found


def same_names_stacked(expected: Mapping[str, torch.Size]) -> dict[str, Conversion]:
    """The conversion of a checkpoint whose names are transformers' own, but for its experts, which lie apart."""
    return same_names(expected) | stacked(expected)


def _sources(prefix: str, experts: int, parts: tuple[str, ...]) -> tuple[str, ...]:
    """Expert by expert, so that all of a stacked tensor's sources lie in its own order."""
    return tuple(
        f"{prefix}experts.{number}.{part}_proj.weight" for number in range(experts) for part in parts
    )


def _stack(sources: list[Tensor]) -> Tensor:
    import torch

    return torch.stack(sources)


def _stack_pairs(sources: list[Tensor]) -> Tensor:
    """Gate and up projections in turn -> (experts, gate rows then up rows, hidden), with a single copy."""
    import torch

    single, hidden = sources[0].shape
    return torch.cat(sources).view(-1, 2 * single, hidden)
