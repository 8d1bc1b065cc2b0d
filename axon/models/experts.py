"""Mixtures of experts: one grouped product for all experts of a layer, and how many weights a position meets."""

from __future__ import annotations

from torch import Tensor, nn
from transformers import Qwen3MoeForCausalLM as Qwen3MoeForCausalLM
from transformers.integrations.moe import ExpertsInterface, grouped_mm_experts_forward

from axon.models.stacking import IN_ORDER


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


def weights_per_position(network: nn.Module) -> int:
    """Weights of routers and experts that one position is multiplied with; no nn.Linear holds them."""
    return sum(
        _weights_of_block(part)
        for part in network.modules()
        if isinstance(getattr(part, "experts", None), nn.Module)
    )


def _weights_of_block(block: nn.Module) -> int:
    router, experts = block.get_submodule("gate"), block.get_submodule("experts")
    chosen = sum(tensor[0].numel() for tensor in experts.parameters()) * int(router.top_k)  # type: ignore[arg-type]
    return router.get_parameter("weight").numel() + chosen
