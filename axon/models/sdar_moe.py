"""SDAR-MoE: a Qwen3-MoE that predicts in place and is block-causal.

Read in JetLM/SDAR-30B-A3B-Chat-b8:configuration_sdar_moe.py; that its router is Qwen3-MoE's, in SGLang's
SDARMoeSparseMoeBlock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

from axon.models.conversion import Conversion, same_names
from axon.models.experts import IN_ORDER, grouped, stacked
from axon.models.family import Family, refuse_other, require
from axon.models.qwen import common_fields
from axon.models.sdar import SDAR

_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "attention_bias": (False, None),
    "decoder_sparse_step": (1,),
    "mlp_only_layers": ([], None),
}


def _read_config(config: Mapping[str, Any]) -> Qwen3MoeConfig:
    refuse_other(config, _SUPPORTED)
    return grouped(
        Qwen3MoeConfig,
        IN_ORDER,
        **common_fields(config),
        head_dim=require(config, "head_dim", int),
        attention_bias=False,
        num_experts=require(config, "num_experts", int),
        num_experts_per_tok=require(config, "num_experts_per_tok", int),
        moe_intermediate_size=require(config, "moe_intermediate_size", int),
        norm_topk_prob=require(config, "norm_topk_prob", bool),
    )


def _convert(expected: Mapping[str, torch.Size]) -> dict[str, Conversion]:
    return same_names(expected) | stacked(expected)


SDAR_MOE = Family(
    name="sdar_moe",
    network=Qwen3MoeForCausalLM,
    read_config=_read_config,
    convert=_convert,
    architectures=("SDARMoeForCausalLM",),
    mask_token_id=SDAR.mask_token_id,
    turn_end_token_ids=SDAR.turn_end_token_ids,
    inert=SDAR.inert,
    block_causal=True,
    block_size=SDAR.block_size,
    tokenizer=SDAR.tokenizer,
)
