"""Networks with random weights at the sizes of a real one, on any device: on "meta" they take no memory and no time."""

from __future__ import annotations

from typing import Any

import torch

from axon import MaskedDiffusionModel
from axon.attention import kernel_name
from axon.models.llada import LLADA

# GSAI-ML/LLaDA-8B-Instruct: config.json
LLADA_8B: dict[str, Any] = {
    "block_type": "llama",
    "activation_type": "silu",
    "layer_norm_type": "rms",
    "layer_norm_with_affine": True,
    "rms_norm_eps": 1e-5,
    "rope": True,
    "rope_theta": 500000.0,
    "rope_full_precision": True,
    "max_sequence_length": 4096,
    "vocab_size": 126464,
    "embedding_size": 126464,
    "d_model": 4096,
    "mlp_hidden_size": 12288,
    "n_layers": 32,
    "n_heads": 32,
    "n_kv_heads": 32,
}
# The same network, small enough for a processor.
TOY = LLADA_8B | {
    "vocab_size": 1000,
    "embedding_size": 1000,
    "d_model": 64,
    "mlp_hidden_size": 192,
    "n_layers": 8,
    "n_heads": 4,
    "n_kv_heads": 4,
}


def random_model(
    sizes: dict[str, Any], device: str, dtype: torch.dtype = torch.bfloat16
) -> MaskedDiffusionModel:
    """LLaDA's network, `sizes` as its config.json, with weights of a normal distribution (0.02).

    The last two tokens are the mask and the end of the text.
    """
    config = LLADA.read_config(sizes)
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
    mask, longest = sizes["vocab_size"] - 1, sizes["max_sequence_length"]
    return MaskedDiffusionModel(network.eval().requires_grad_(False), LLADA, mask, (mask - 1,), longest)
