"""LLaDA2.0 and 2.1: block-causal, predicts in place, 256 experts in all layers but the first, and a shared one.

The computation is GLM-4-MoE's under other names: query and key norms over a head, rotary embedding of the first half
of a head, a sigmoid router that picks 8 experts from the 4 best of 8 groups by score plus bias and weighs them by the
score alone. The fused query_key_value is split into its rows.
Read in inclusionAI/dFactory:models/llada2_moe; the config fields are those of inclusionAI/LLaDA2.1-mini:config.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from axon.models.conversion import Conversion
from axon.models.family import CheckpointError, Family, number, refuse_other, whole
from axon.models.later import of_transformers
from axon.models.stacking import GROUPED, stacked

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# Fields that would change the computation, with the values that the modules compute.
_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("silu",),
    "model_type": ("llada2_moe", None),  # llada2_moe_veomni: dFactory's own, with other tensors
    "moe_router_enable_expert_bias": (True, None),
    "norm_head": (False, None),
    "norm_softmax": (False, None),
    "norm_topk_prob": (True, None),
    "num_shared_experts": (1,),
    "rope_scaling": (None,),
    "router_dtype": ("fp32", None),
    "score_function": ("sigmoid", None),
    "use_bias": (False,),
    "use_qk_norm": (True, None),
    "use_qkv_bias": (False, None),
    "use_rmsnorm": (True, None),
    "use_sliding_window": (False, None),
    "using_split_qkv_in_self_attention": (False, None),
}

_INERT: dict[str, str] = dict.fromkeys(
    ("embedding_dropout", "output_dropout"), "read in training only"
) | dict.fromkeys(("sliding_window", "max_window_layers"), "of use_sliding_window, which is refused")

# Transformers' names of tensors, and LLaDA2's names; the rest have the same.
_RENAMED = {
    "model.embed_tokens.weight": "model.word_embeddings.weight",
    "self_attn.q_norm.weight": "attention.query_layernorm.weight",
    "self_attn.k_norm.weight": "attention.key_layernorm.weight",
    "self_attn.o_proj.weight": "attention.dense.weight",
    "mlp.gate.e_score_correction_bias": "mlp.gate.expert_bias",
}
_FUSED = "attention.query_key_value.weight"  # rows: all query heads, all key heads, all value heads
_PARTS = ("self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight")


def _read_config(config: Mapping[str, Any]) -> dict[str, Any]:
    refuse_other(config, _SUPPORTED)
    size, groups, experts = (whole(config, key) for key in ("head_dim", "n_group", "num_experts"))
    chosen, kept = whole(config, "num_experts_per_tok"), whole(config, "topk_group")
    factor = number(config, "partial_rotary_factor", 1.0)
    if config.get("rotary_dim", int(size * factor)) != int(size * factor):
        raise CheckpointError(
            f"config.json: rotary_dim={config['rotary_dim']!r}: must be head_dim x partial_rotary_factor; repair it"
        )
    if (
        experts % groups
        or experts // groups < 2
        or not 2 <= chosen <= kept * (experts // groups)
        or kept > groups
    ):
        raise CheckpointError(
            f"config.json: num_experts={experts}: {chosen} experts from {kept} of {groups} equal groups of two or "
            "more cannot be chosen; repair num_experts, num_experts_per_tok, n_group and topk_group"
        )
    return {
        "experts_implementation": GROUPED,
        "vocab_size": whole(config, "vocab_size"),
        "hidden_size": whole(config, "hidden_size"),
        "intermediate_size": whole(config, "intermediate_size"),
        "num_hidden_layers": whole(config, "num_hidden_layers"),
        "num_attention_heads": whole(config, "num_attention_heads"),
        "num_key_value_heads": whole(config, "num_key_value_heads"),
        "head_dim": size,
        "max_position_embeddings": whole(config, "max_position_embeddings"),
        "rms_norm_eps": number(config, "rms_norm_eps"),
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": number(config, "rope_theta", 10000.0),
            "partial_rotary_factor": factor,
        },
        "tie_word_embeddings": bool(config.get("tie_word_embeddings", False)),
        "attention_bias": False,
        "use_qk_norm": True,
        "moe_intermediate_size": whole(config, "moe_intermediate_size"),
        "n_routed_experts": experts,
        "n_shared_experts": 1,
        "num_experts_per_tok": chosen,
        "n_group": groups,
        "topk_group": kept,
        "norm_topk_prob": True,
        "routed_scaling_factor": number(config, "routed_scaling_factor", 2.5),
        "first_k_dense_replace": whole(config, "first_k_dense_replace", least=0),
        "num_mtp_layers": 0,
        "pad_token_id": None,
        "bos_token_id": None,
        "eos_token_id": None,
    }


def _convert(expected: Mapping[str, torch.Size]) -> dict[str, Conversion]:
    conversions = {name: Conversion((_llada2_name(name),)) for name in expected}
    return conversions | stacked(expected) | _split(expected)


def _llada2_name(name: str) -> str:
    for ours, theirs in _RENAMED.items():
        if name.endswith(ours):
            return name.removesuffix(ours) + theirs
    return name


def _split(expected: Mapping[str, torch.Size]) -> dict[str, Conversion]:
    """Query, key and value projections as rows of the fused one, which must have no others."""
    found = {}
    for name in expected:
        if name.endswith(_PARTS[0]):
            prefix = name.removesuffix(_PARTS[0])
            heights = [expected[prefix + part][0] for part in _PARTS]
            for place, part in enumerate(_PARTS):
                found[prefix + part] = Conversion((prefix + _FUSED,), partial(_part, heights, place))
    return found


def _part(heights: list[int], place: int, sources: list[Tensor]) -> Tensor:
    part: Tensor = sources[0].split(heights)[place]
    return part


LLADA2 = Family(
    name="llada2",
    config=of_transformers("Glm4MoeConfig"),
    network=of_transformers("Glm4MoeForCausalLM"),
    read_config=_read_config,
    convert=_convert,
    architectures=("LLaDA2MoeModelLM",),
    model_types=("llada2_moe",),
    mask_token_id=156895,  # <|mask|>; this and the block size: sgl-project/sglang, DLLM_PARAMS
    eos_token_ids=(156892,),  # <|endoftext|>, which config.json has as pad_token_id only
    block_size=32,
    inert=_INERT,
    block_causal=True,
)
