"""The bundled model during training, a Llama of transformers with bidirectional attention, and its export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from axon.models.llada import llada_name

WIDTH, LAYERS, HEADS, HIDDEN, ROPE_THETA, MAX_LENGTH = 128, 8, 4, 384, 10000.0, 512


def _all_to_all(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: None, scaling: float, **_: Any
) -> tuple[Tensor, None]:
    """Attention without a mask, whose backward pass is nine times faster on CPUs than the fused kernel (LOG.md)."""
    weights = torch.softmax(query @ key.transpose(-1, -2) * scaling, -1)
    return (weights @ value).transpose(1, 2).contiguous(), None


AttentionInterface.register("all_to_all", _all_to_all)
AttentionMaskInterface.register("all_to_all", lambda *_, **__: None)


def build_network(vocabulary: int) -> LlamaForCausalLM:
    """A Llama of about 1.7 M parameters with fresh weights."""
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        intermediate_size=HIDDEN,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        max_position_embeddings=MAX_LENGTH,
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
    )
    config._attn_implementation = "all_to_all"
    return LlamaForCausalLM(config)


def export(weights: dict[str, Tensor], tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes the checkpoint in LLaDA's format: config.json, model.safetensors with its names, tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {llada_name(name): tensor.float().contiguous() for name, tensor in weights.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "architectures": ["LLaDAModelLM"],
        "model_type": "llada",
        "d_model": WIDTH,
        "n_heads": HEADS,
        "n_kv_heads": HEADS,
        "n_layers": LAYERS,
        "mlp_hidden_size": HIDDEN,
        "activation_type": "silu",
        "block_type": "llama",
        "layer_norm_type": "rms",
        "rms_norm_eps": 1e-5,
        "rope": True,
        "rope_theta": ROPE_THETA,
        "include_bias": False,
        "include_qkv_bias": False,
        "weight_tying": False,
        "max_sequence_length": MAX_LENGTH,
        "vocab_size": len(tokenizer),
        "embedding_size": len(tokenizer),
        "mask_token_id": tokenizer.mask_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.eos_token_id,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    tokenizer.save_pretrained(folder)
