"""LLaDA-MoE: bidirectional, predicts in place, 64 experts in every layer, of which a position goes through 8.

The computation is Qwen3-MoE's with other config fields: query and key norms over a head, and a softmax router whose
chosen weights are not normalised. OLMoE, which the release's code is modelled on, norms over all heads at once.
Read in the release's modeling and configuration files, as copied in ZHZisZZ/dllm-trainer:dllm/pipelines/llada/models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axon.models.family import CheckpointError, Family, refuse_other, require, whole
from axon.models.qwen import QWEN3_MOE_CONFIG, common_fields
from axon.models.stacking import IN_ORDER, QWEN3_MOE, same_names_stacked

# Fields that would change the computation, with the values that the modules compute.
_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "attention_bias": (False, None),
    "clip_qkv": (None,),
    "moe_router_enable_expert_bias": (False, None),
    "partial_rotary_factor": (1, None),
    "qk_layernorm": (True,),
    "shared_expert_intermediate_size": (None,),
}

_INERT: dict[str, str] = dict.fromkeys(
    ("norm_topk_prob", "moe_router_score_function", "routed_scaling_factor"),
    "the release's router is a plain softmax, whatever these say",
) | dict.fromkeys(("router_num_group", "router_topk_group"), "the release's code has no expert groups")


def _read_config(config: Mapping[str, Any]) -> dict[str, Any]:
    refuse_other(config, _SUPPORTED)
    require(config, "qk_layernorm", bool)  # absent means without
    fields = common_fields(config, dense="dense_intermediate_size")
    if fields["hidden_size"] % fields["num_attention_heads"]:
        raise CheckpointError(
            f"config.json: hidden_size={fields['hidden_size']}: must be a multiple of "
            f"num_attention_heads={fields['num_attention_heads']}; repair it"
        )
    return dict(
        **fields,
        experts_implementation=IN_ORDER,
        head_dim=fields["hidden_size"] // fields["num_attention_heads"],
        attention_bias=False,
        num_experts=whole(config, "num_experts"),
        num_experts_per_tok=whole(config, "num_experts_per_tok"),
        moe_intermediate_size=whole(config, "expert_intermediate_size"),
        norm_topk_prob=False,
        mlp_only_layers=_dense_layers(config, fields["num_hidden_layers"]),
    )


def _dense_layers(config: Mapping[str, Any], layers: int) -> list[int]:
    """The layers without experts: moe_layer_freq holds 0 for them and 1 for the others."""
    kinds = require(config, "moe_layer_freq", list)
    if len(kinds) != layers or any(kind not in (0, 1) for kind in kinds):
        raise CheckpointError(
            f"config.json: moe_layer_freq={kinds!r}: must be a 0 or a 1 for each of the {layers} layers; repair it"
        )
    return [layer for layer, kind in enumerate(kinds) if kind == 0]


LLADA_MOE = Family(
    name="llada_moe",
    config=QWEN3_MOE_CONFIG,
    network=QWEN3_MOE,
    read_config=_read_config,
    convert=same_names_stacked,
    architectures=("LLaDAMoEModelLM", "LLaDAMoEModel"),
    model_types=("lladamoe",),  # the release says llada; ZHZisZZ/dllm-trainer tells its users to write this
    mask_token_id=156895,  # <|mask|>, in no file of the release but its README.md
    inert=_INERT,
)
