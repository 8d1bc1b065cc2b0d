"""The mixture-of-experts releases: their config.json, and random checkpoints of two small layers with the same keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.axon.published import CONFIGS
from tests.axon.toy_model import EOS, MASK, VOCAB

_TOKENS = {"mask_token_id": MASK, "eos_token_id": EOS}

FULL: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((CONFIGS / "experts").glob("*.json"))
}

_SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "vocab_size": VOCAB,
}

SMALL: dict[str, dict[str, Any]] = {
    "llada_moe": FULL["llada_moe"]
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
    "llada2": FULL["llada2"]
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
    "sdar_moe": FULL["sdar_moe"]
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
