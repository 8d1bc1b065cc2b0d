"""Networks with random weights at the sizes of a real one, on any device: on "meta" they take no memory and no time."""

from __future__ import annotations

from typing import Any

import torch
from transformers import LlamaConfig

from axon import MaskedDiffusionModel
from axon.attention import kernel_name
from axon.models.llada import LLADA

# GSAI-ML/LLaDA-8B-Instruct, config.json.
LLADA_8B = {
    "vocab_size": 126464,
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 4096,
}
# The same proportions, for a processor.
TOY = {
    "vocab_size": 1000,
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 4096,
}


def random_model(
    sizes: dict[str, int], device: str, dtype: torch.dtype = torch.bfloat16
) -> MaskedDiffusionModel:
    """LLaDA's network with weights drawn from a normal distribution; the last two tokens are the mask and the end."""
    given: dict[str, Any] = {**sizes, "pad_token_id": None, "bos_token_id": None, "eos_token_id": None}
    config = LlamaConfig(**given)
    config._attn_implementation = kernel_name("sdpa")
    with torch.device("meta"):
        network: Any = LLADA.network(config)
        network.to(dtype)
    if device != "meta":
        network = network.to_empty(device=device)
        for tensor in network.parameters():
            tensor.data.normal_(0.0, 0.02) if tensor.dim() > 1 else tensor.data.fill_(1.0)
        body = network.get_submodule("model")  # its rotary frequencies are computed, not drawn
        body.rotary_emb = type(body.get_submodule("rotary_emb"))(config).to(device)
    mask = sizes["vocab_size"] - 1
    return MaskedDiffusionModel(
        network.eval().requires_grad_(False), LLADA, mask, (mask - 1,), sizes["max_position_embeddings"]
    )
