"""LLaDA: a Llama without causality, predicting in place, with OLMo's tensor names.

Source of names and fields: the published LLaDA-8B checkpoints' config.json and tensor index.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from transformers import LlamaConfig, LlamaForCausalLM

from axon.models.family import CheckpointError, Family, number, refuse_other, require

# Fields that would change the computation, with the values the Llama modules compute.
_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "block_type": ("llama",),
    "block_group_size": (1, None),
    "activation_type": ("silu",),
    "layer_norm_type": ("rms",),
    "layer_norm_with_affine": (True,),
    "attention_layer_norm": (False, None),
    "bias_for_layer_norm": (False, None),
    "include_bias": (False, None),
    "include_qkv_bias": (False, None),
    "input_emb_norm": (False, None),
    "scale_logits": (False, None),
    "alibi": (False, None),
    "rope": (True,),
    "rope_scaling": (None,),
    "clip_qkv": (None,),
}

# Its tensor names, and those of transformers' Llama; the trainer of the bundled model writes by them, too.
OUTSIDE_LAYERS = {
    "model.transformer.wte.weight": "model.embed_tokens.weight",
    "model.transformer.ln_f.weight": "model.norm.weight",
    "model.transformer.ff_out.weight": "lm_head.weight",
}
INSIDE_LAYERS = {
    "attn_norm": "input_layernorm",
    "q_proj": "self_attn.q_proj",
    "k_proj": "self_attn.k_proj",
    "v_proj": "self_attn.v_proj",
    "attn_out": "self_attn.o_proj",
    "ff_norm": "post_attention_layernorm",
    "ff_proj": "mlp.gate_proj",
    "up_proj": "mlp.up_proj",
    "ff_out": "mlp.down_proj",
}


def _read_config(config: Mapping[str, Any]) -> LlamaConfig:
    refuse_other(config, _SUPPORTED)
    width, heads = require(config, "d_model", int), require(config, "n_heads", int)
    if width % heads:
        raise CheckpointError(
            f"config.json: d_model={width}: must be a multiple of n_heads={heads}; repair it"
        )
    vocabulary = require(config, "vocab_size", int)
    hidden = config.get("mlp_hidden_size")
    key_heads = 1 if config.get("multi_query_attention") else config.get("n_kv_heads")
    return LlamaConfig(
        vocab_size=config.get("embedding_size") or vocabulary,
        hidden_size=width,
        intermediate_size=hidden if hidden is not None else int(number(config, "mlp_ratio") * width),
        num_hidden_layers=require(config, "n_layers", int),
        num_attention_heads=heads,
        num_key_value_heads=heads if key_heads is None else key_heads,
        max_position_embeddings=require(config, "max_sequence_length", int),
        rms_norm_eps=number(config, "rms_norm_eps"),
        rope_parameters={"rope_type": "default", "rope_theta": number(config, "rope_theta", 10000.0)},
        tie_word_embeddings=bool(config.get("weight_tying", False)),
        attention_bias=False,
        mlp_bias=False,
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
    )


def _rename(name: str) -> str:
    if name in OUTSIDE_LAYERS:
        return OUTSIDE_LAYERS[name]
    block = re.fullmatch(r"model\.transformer\.blocks\.(\d+)\.(\w+)\.weight", name)
    if block is None or block[2] not in INSIDE_LAYERS:
        return name  # no known name: reported as surplus, as it stands in the file
    return f"model.layers.{block[1]}.{INSIDE_LAYERS[block[2]]}.weight"


LLADA = Family(name="llada", network=LlamaForCausalLM, read_config=_read_config, rename=_rename)
