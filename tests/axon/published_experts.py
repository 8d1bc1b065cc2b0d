"""The config.json keys that the mixture-of-experts releases publish, and random checkpoints of two small layers.

LLADA_MOE: the fields of inclusionAI/LLaDA-MoE-7B-A1B-Base:configuration_lladamoe.py (its config.json has as many
lines), values by ZHZisZZ/dllm-trainer's copy and the card. LLADA2: inclusionAI/LLaDA2.1-mini:config.json, and
inclusionAI/dFactory:configs/model_configs/llada2_mini for the keys that 2.0 has beside them.
SDAR_MOE: the fields of JetLM/SDAR-30B-A3B-Chat-b8:configuration_sdar_moe.py and the training keys of SDAR-4B-Chat.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.axon.toy_model import EOS, MASK, VOCAB

_TOKENS = {"mask_token_id": MASK, "eos_token_id": EOS}

LLADA_MOE: dict[str, Any] = {
    "architectures": ["LLaDAMoEModelLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "auto_map": {"AutoConfig": "configuration_lladamoe.LLaDAConfig"},
    "clip_qkv": None,
    "dense_intermediate_size": 8192,
    "eos_token_id": 156892,
    "expert_intermediate_size": 1024,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "max_position_embeddings": 8192,
    "model_type": "llada",
    "moe_layer_freq": [1] * 16,
    "moe_router_enable_expert_bias": False,
    "moe_router_score_function": "softmax",
    "norm_topk_prob": None,
    "num_attention_heads": 16,
    "num_experts": 64,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 16,
    "num_key_value_heads": 16,
    "output_router_logits": False,
    "pad_token_id": 156892,
    "partial_rotary_factor": 1,
    "qk_layernorm": True,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 50000,
    "routed_scaling_factor": 1,
    "router_aux_loss_coef": 0.01,
    "router_num_group": None,
    "router_topk_group": None,
    "shared_expert_intermediate_size": None,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.53.2",
    "use_cache": False,
    "vocab_size": 157184,
}

LLADA2: dict[str, Any] = {
    "architectures": ["LLaDA2MoeModelLM"],
    "attention_dropout": 0.0,
    "auto_map": {"AutoConfig": "configuration_llada2_moe.LLaDA2MoeConfig"},
    "dtype": "bfloat16",
    "embedding_dropout": 0.0,
    "first_k_dense_replace": 1,
    "head_dim": 128,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 5120,
    "max_position_embeddings": 32768,
    "max_window_layers": 28,
    "model_type": "llada2_moe",
    "moe_intermediate_size": 512,
    "moe_router_enable_expert_bias": True,
    "n_group": 8,
    "norm_head": False,
    "norm_softmax": False,
    "norm_topk_prob": True,
    "num_attention_heads": 16,
    "num_experts": 256,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 20,
    "num_key_value_heads": 4,
    "num_shared_experts": 1,
    "output_dropout": 0.0,
    "output_router_logits": False,
    "pad_token_id": 156892,
    "partial_rotary_factor": 0.5,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 600000,
    "rotary_dim": 64,
    "routed_scaling_factor": 2.5,
    "router_dtype": "fp32",
    "score_function": "sigmoid",
    "sliding_window": 4096,
    "tie_word_embeddings": False,
    "topk_group": 4,
    "transformers_version": "4.57.1",
    "use_bias": False,
    "use_cache": False,
    "use_qk_norm": True,
    "use_qkv_bias": False,
    "use_rmsnorm": True,
    "use_sliding_window": False,
    "using_split_qkv_in_self_attention": False,
    "vocab_size": 157184,
}

SDAR_MOE: dict[str, Any] = {
    "architectures": ["SDARMoeForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "auto_map": {"AutoConfig": "configuration_sdar_moe.SDARMoeConfig"},
    "bos_token_id": 151643,
    "debug": False,
    "decoder_sparse_step": 1,
    "eos_token_id": 151643,
    "ep_size": 1,
    "fuse_cross_entropy": True,
    "head_dim": 128,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 6144,
    "max_position_embeddings": 32768,
    "max_window_layers": 48,
    "micro_forward": False,
    "mlp_only_layers": [],
    "model_type": "sdar_moe",
    "moe_intermediate_size": 768,
    "norm_topk_prob": True,
    "num_attention_heads": 32,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 48,
    "num_key_value_heads": 4,
    "output_router_logits": False,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000.0,
    "router_aux_loss_coef": 0.001,
    "skip_checkpoint": False,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.52.4",
    "use_cache": False,
    "use_deepep": False,
    "use_sliding_window": False,
    "vocab_size": 151936,
}

_SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "vocab_size": VOCAB,
}

SMALL: dict[str, dict[str, Any]] = {
    "llada_moe": LLADA_MOE
    | _SMALL
    | _TOKENS
    | {
        "num_key_value_heads": 4,
        "dense_intermediate_size": 24,
        "expert_intermediate_size": 8,
        "num_experts": 8,
        "num_experts_per_tok": 3,
        "moe_layer_freq": [1, 1],
    },
    "llada2": LLADA2
    | _SMALL
    | _TOKENS
    | {
        "num_key_value_heads": 2,
        "head_dim": 8,
        "rotary_dim": 4,
        "intermediate_size": 24,
        "moe_intermediate_size": 8,
        "num_experts": 12,
        "num_experts_per_tok": 3,
        "n_group": 4,
        "topk_group": 2,
    },
    "sdar_moe": SDAR_MOE
    | _SMALL
    | _TOKENS
    | {
        "num_key_value_heads": 2,
        "head_dim": 8,
        "intermediate_size": 24,
        "moe_intermediate_size": 8,
        "num_experts": 8,
        "num_experts_per_tok": 3,
    },
}


def published_tensors(kind: str, vocabulary: int = VOCAB) -> dict[str, Tensor]:
    """Random weights of SMALL[kind] under the release's own tensor names."""
    config = SMALL[kind]
    width, heads, key_heads = (
        config[key] for key in ("hidden_size", "num_attention_heads", "num_key_value_heads")
    )
    size = config.get("head_dim", width // heads)
    embedding = "word_embeddings" if kind == "llada2" else "embed_tokens"
    shapes: dict[str, tuple[int, ...]] = {
        f"model.{embedding}.weight": (vocabulary, width),
        "model.norm.weight": (width,),
        "lm_head.weight": (vocabulary, width),
    }
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}"
        shapes |= {
            f"{layer}.{name}.weight": (width,) for name in ("input_layernorm", "post_attention_layernorm")
        }
        if kind == "llada2":
            shapes |= {
                f"{layer}.attention.query_key_value.weight": ((heads + 2 * key_heads) * size, width),
                f"{layer}.attention.query_layernorm.weight": (size,),
                f"{layer}.attention.key_layernorm.weight": (size,),
                f"{layer}.attention.dense.weight": (width, heads * size),
            }
        else:
            shapes |= {
                f"{layer}.self_attn.q_proj.weight": (heads * size, width),
                f"{layer}.self_attn.k_proj.weight": (key_heads * size, width),
                f"{layer}.self_attn.v_proj.weight": (key_heads * size, width),
                f"{layer}.self_attn.o_proj.weight": (width, heads * size),
                f"{layer}.self_attn.q_norm.weight": (size,),
                f"{layer}.self_attn.k_norm.weight": (size,),
            }
        shapes |= (
            _mixed(config, layer)
            if number or kind != "llada2"
            else _gated(config, f"{layer}.mlp", "intermediate_size")
        )
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=generator) * (0.3 if "norm" not in name else 1)
        for name, shape in shapes.items()
    }


def write_published(folder: Path, kind: str, **changes: Any) -> Path:
    """A checkpoint folder as published; `changes` go over the config, a value of ... removes the key."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {key: value for key, value in (SMALL[kind] | changes).items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(published_tensors(kind, config["vocab_size"]), folder / "model.safetensors")
    return folder


def _mixed(config: dict[str, Any], layer: str) -> dict[str, tuple[int, ...]]:
    width_key = (
        "expert_intermediate_size" if "expert_intermediate_size" in config else "moe_intermediate_size"
    )
    shapes: dict[str, tuple[int, ...]] = {
        f"{layer}.mlp.gate.weight": (config["num_experts"], config["hidden_size"])
    }
    if "num_shared_experts" in config:
        shapes |= {f"{layer}.mlp.gate.expert_bias": (config["num_experts"],)}
        shapes |= _gated(config, f"{layer}.mlp.shared_experts", width_key)
    for number in range(config["num_experts"]):
        shapes |= _gated(config, f"{layer}.mlp.experts.{number}", width_key)
    return shapes


def _gated(config: dict[str, Any], place: str, width_key: str) -> dict[str, tuple[int, ...]]:
    width, hidden = config["hidden_size"], config[width_key]
    return {
        f"{place}.gate_proj.weight": (hidden, width),
        f"{place}.up_proj.weight": (hidden, width),
        f"{place}.down_proj.weight": (width, hidden),
    }
