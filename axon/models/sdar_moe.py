"""SDAR-MoE: a Qwen3-MoE that predicts in place and is block-causal.

Read in JetLM/SDAR-30B-A3B-Chat-b8:configuration_sdar_moe.py; that its router is Qwen3-MoE's, in SGLang's
SDARMoeSparseMoeBlock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from axon.models.family import refuse_other, require, whole
from axon.models.qwen import QWEN3_MOE_CONFIG, common_fields
from axon.models.sdar import SDAR
from axon.models.stacking import IN_ORDER, QWEN3_MOE, same_names_stacked

_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "attention_bias": (False, None),
    "decoder_sparse_step": (1,),
    "mlp_only_layers": ([], None),
}


def _read_config(config: Mapping[str, Any]) -> dict[str, Any]:
    refuse_other(config, _SUPPORTED)
    return dict(
        **common_fields(config),
        experts_implementation=IN_ORDER,
        head_dim=whole(config, "head_dim"),
        attention_bias=False,
        num_experts=whole(config, "num_experts"),
        num_experts_per_tok=whole(config, "num_experts_per_tok"),
        moe_intermediate_size=whole(config, "moe_intermediate_size"),
        norm_topk_prob=require(config, "norm_topk_prob", bool),
    )


SDAR_MOE = replace(
    SDAR,
    name="sdar_moe",
    config=QWEN3_MOE_CONFIG,
    network=QWEN3_MOE,
    read_config=_read_config,
    convert=same_names_stacked,
    architectures=("SDARMoeForCausalLM",),
    version=1,
)
