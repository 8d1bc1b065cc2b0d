"""Toy models with random weights: small, fast, and uneven enough that every rule has something to decide."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import Qwen2Config, Qwen3Config

from axon import MaskedDiffusionModel
from axon.attention import kernel_name
from axon.models.dream import DREAM
from axon.models.llada import LLADA
from axon.models.rotary import RotaryConfig
from axon.models.sdar import SDAR

VOCAB, MASK, EOS, LAYERS = 24, 23, 22, 2

_SIZES = {
    "vocab_size": VOCAB,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": None,
    "bos_token_id": None,
    "eos_token_id": None,
}


def toy_model(family: str = "llada", seed: int = 0, layers: int = LAYERS) -> MaskedDiffusionModel:
    """A random network of the family, with weights large enough for peaked beliefs and attention."""
    sizes = _SIZES | {"num_hidden_layers": layers}
    known = {
        "llada": (LLADA, RotaryConfig(**sizes)),
        "dream": (DREAM, Qwen2Config(**sizes)),
        "sdar": (SDAR, Qwen3Config(**sizes, head_dim=4)),
    }
    described, config = known[family]
    config._attn_implementation = kernel_name("sdpa")
    generator = torch.Generator().manual_seed(seed)
    network = described.network(config).eval().requires_grad_(False)
    for name, tensor in network.named_parameters():
        if "norm" not in name:
            scale = 1.2 if name == "lm_head.weight" else 0.45
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * scale)
    return MaskedDiffusionModel(network, described, MASK, (EOS,), 64).eval()


@cache
def shared_model(family: str = "llada", seed: int = 0) -> MaskedDiffusionModel:
    """`toy_model`, made once for all tests that leave it as it is."""
    return toy_model(family, seed)


LLADA_CONFIG = {
    "model_type": "llada",
    "d_model": 16,
    "n_heads": 4,
    "n_kv_heads": 4,
    "n_layers": 2,
    "mlp_hidden_size": 24,
    "max_sequence_length": 64,
    "vocab_size": VOCAB,
    "embedding_size": VOCAB,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "block_type": "llama",
    "activation_type": "silu",
    "layer_norm_type": "rms",
    "rope": True,
    "alibi": False,
    "weight_tying": False,
    "mask_token_id": MASK,
    "eos_token_id": EOS,
}


def llada_tensors(seed: int = 0) -> dict[str, Tensor]:
    """Random weights under LLaDA's own names, of LLADA_CONFIG's shapes."""
    width, hidden = 16, 24
    shapes: dict[str, tuple[int, ...]] = {
        "model.transformer.wte.weight": (VOCAB, width),
        "model.transformer.ln_f.weight": (width,),
        "model.transformer.ff_out.weight": (VOCAB, width),
    }
    for block in range(2):
        prefix = f"model.transformer.blocks.{block}"
        for name in ("q_proj", "k_proj", "v_proj", "attn_out"):
            shapes[f"{prefix}.{name}.weight"] = (width, width)
        for name in ("attn_norm", "ff_norm"):
            shapes[f"{prefix}.{name}.weight"] = (width,)
        for name in ("ff_proj", "up_proj"):
            shapes[f"{prefix}.{name}.weight"] = (hidden, width)
        shapes[f"{prefix}.ff_out.weight"] = (width, hidden)
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def write_checkpoint(folder: Path, tensors: dict[str, Tensor], **changes: object) -> Path:
    """A checkpoint folder in LLaDA's format; `changes` go over the config."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(LLADA_CONFIG | changes))
    save_file(tensors, folder / "model.safetensors")
    return folder
