"""Networks with random weights: small, fast, and uneven enough that every rule has something to decide."""

from __future__ import annotations

from typing import Any

import torch
from transformers import Qwen2Config, Qwen3Config

from axon.attention import kernel_name
from axon.models.dream import DREAM
from axon.models.family import Family
from axon.models.llada import LLADA
from axon.models.model import MaskedDiffusionModel
from axon.models.rotary import RotaryConfig
from axon.models.sdar import SDAR

VOCAB, MASK, EOS, LAYERS = 24, 23, 22, 2

_SIZES: dict[str, Any] = {
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
    known: dict[str, tuple[Family, Any]] = {
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
