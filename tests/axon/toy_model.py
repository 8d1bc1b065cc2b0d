"""The random networks of the laws, and checkpoints with random weights."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from axon import MaskedDiffusionModel
from axon.laws.network import EOS, LAYERS, MASK, VOCAB, toy_model

__all__ = [
    "EOS",
    "LAYERS",
    "LLADA_CONFIG",
    "MASK",
    "VOCAB",
    "llada_tensors",
    "shared_model",
    "toy_model",
    "write_checkpoint",
]


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
