"""Networks with random weights at the sizes of a real one, on any device: on "meta" they take no memory and no time."""

from __future__ import annotations

from typing import Any

import torch

from axon import MaskedDiffusionModel
from axon.attention import kernel_name
from axon.huge_pages import huge_pages
from axon.models.family import Family
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
# LLaDA's vocabulary on a small body: where lm_head and what is done with its logits weigh most.
WIDE = LLADA_8B | {"d_model": 512, "mlp_hidden_size": 1536, "n_layers": 8, "n_heads": 8, "n_kv_heads": 8}

# JetAstra/SDAR: training/model/SDAR-8B-Chat/config.json
SDAR_8B: dict[str, Any] = {
    "hidden_act": "silu",
    "attention_bias": False,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000,
    "max_position_embeddings": 32768,
    "vocab_size": 151936,
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
}
# The same network, small enough for a processor, with a vocabulary of some size.
SDAR_SMALL = SDAR_8B | {
    "vocab_size": 30000,
    "hidden_size": 512,
    "intermediate_size": 1536,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 64,
}
SDAR_TOY = SDAR_SMALL | {
    "vocab_size": 120,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "head_dim": 16,
}


# Logits are as far apart as in a trained model, whose steps reveal several tokens.
PEAKED = 100.0
PEAKED_8B = 8.0  # of hidden states of 4,096, which makes their standard deviation 10


def peaked(model: MaskedDiffusionModel, times: float = PEAKED) -> MaskedDiffusionModel:
    """The model with the weights of its lm_head so many times as large."""
    model.network.get_submodule("lm_head").get_parameter("weight").data.mul_(times)
    return model


def random_model(
    sizes: dict[str, Any], device: str, dtype: torch.dtype = torch.bfloat16, family: Family = LLADA
) -> MaskedDiffusionModel:
    """The family's network, `sizes` as its config.json, with weights of a normal distribution (0.02).

    The last two tokens are the mask and the end of the text.
    """
    huge_pages()
    config: Any = family.config(**family.read_config(sizes))
    config._attn_implementation = kernel_name("sdpa")
    with torch.device("meta"):
        network: Any = family.network(config)
        network.to(dtype)
    if device != "meta":
        network = network.to_empty(device=device)
        for tensor in network.parameters():
            tensor.data.normal_(0.0, 0.02) if tensor.dim() > 1 else tensor.data.fill_(1.0)
        body = network.get_submodule("model")  # its rotary frequencies are computed, not drawn
        body.rotary_emb = type(body.get_submodule("rotary_emb"))(config).to(device)
    mask, longest = config.vocab_size - 1, config.max_position_embeddings
    return MaskedDiffusionModel(network.eval().requires_grad_(False), family, mask, (mask - 1,), longest)
