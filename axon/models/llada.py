"""LLaDA: a bidirectional Llama that predicts in place, with OLMo's tensor names.

The names and fields are those of the published LLaDA-8B checkpoints' config.json and tensor index.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from axon.models.conversion import Conversion
from axon.models.family import CheckpointError, Family, number, refuse_other, whole
from axon.models.later import Later

if TYPE_CHECKING:
    import torch

# Fields that would change the computation, with the values that the Llama modules compute.
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

# What the reference takes for a key that is absent (configuration_llada.py), where that is not supported.
_DEFAULTS = {
    "block_type": "sequential",
    "activation_type": "swiglu",
    "layer_norm_type": "default",
    "rope": False,
}

_INERT: dict[str, str] = (
    dict.fromkeys(
        ("residual_dropout", "embedding_dropout", "init_device", "init_fn", "init_std", "init_cutoff_factor"),
        "read in training only",
    )
    | dict.fromkeys(("train_max_sequence_length", "precision"), "read in training only")
    | {"alibi_bias_max": "of alibi, which is refused", "flash_attention": "the kernel is the user's choice"}
    | {"attention_layer_norm_with_affine": "of attention_layer_norm, which is refused"}
    | {"tie_word_embeddings": "the reference reads weight_tying"}
)

# Transformers' names of the Llama tensors, and LLaDA's names.
_OUTSIDE_LAYERS = {
    "model.embed_tokens.weight": "model.transformer.wte.weight",
    "model.norm.weight": "model.transformer.ln_f.weight",
    "lm_head.weight": "model.transformer.ff_out.weight",
}
_INSIDE_LAYERS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "q_proj",
    "self_attn.k_proj": "k_proj",
    "self_attn.v_proj": "v_proj",
    "self_attn.o_proj": "attn_out",
    "post_attention_layernorm": "ff_norm",
    "mlp.gate_proj": "ff_proj",
    "mlp.up_proj": "up_proj",
    "mlp.down_proj": "ff_out",
}


def _read_config(config: Mapping[str, Any]) -> dict[str, Any]:
    refuse_other(config, _SUPPORTED)
    width, heads = whole(config, "d_model"), whole(config, "n_heads")
    if width % heads:
        raise CheckpointError(
            f"config.json: d_model={width}: must be a multiple of n_heads={heads}; repair it"
        )
    refuse_other({key: value for key, value in _DEFAULTS.items() if key not in config}, _SUPPORTED)
    vocabulary = whole(config, "vocab_size")
    embeddings = whole(config, "embedding_size", default=vocabulary)
    if embeddings < vocabulary:  # there may be more, to fill a round number
        raise CheckpointError(
            f"config.json: embedding_size={embeddings}: must be at least vocab_size={vocabulary}; repair it"
        )
    hidden, ratio = config.get("mlp_hidden_size"), config.get("mlp_ratio")
    key_heads = 1 if config.get("multi_query_attention") else whole(config, "n_kv_heads", default=heads)
    return {
        "vocab_size": embeddings,
        "hidden_size": width,
        "intermediate_size": whole(config, "mlp_hidden_size")
        if hidden is not None
        else int(number({"mlp_ratio": ratio}, "mlp_ratio") * width),
        "num_hidden_layers": whole(config, "n_layers"),
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
        "max_position_embeddings": whole(config, "max_sequence_length"),
        "rms_norm_eps": number(config, "rms_norm_eps"),
        "rope_parameters": {"rope_type": "default", "rope_theta": number(config, "rope_theta", 10000.0)},
        "tie_word_embeddings": bool(config.get("weight_tying", True)),
        "attention_bias": False,
        "mlp_bias": False,
        # Absent, it is true: the reference's default (configuration_llada.py).
        "rope_full_precision": config.get("rope_full_precision", True) is not False,
        "pad_token_id": None,
        "bos_token_id": None,
        "eos_token_id": None,
    }


def llada_name(name: str) -> str:
    """LLaDA's name of a tensor of transformers' Llama; the bundled model is written with it, too."""
    if name in _OUTSIDE_LAYERS:
        return _OUTSIDE_LAYERS[name]
    _, _, layer, inside = name.removesuffix(".weight").split(".", 3)
    return f"model.transformer.blocks.{layer}.{_INSIDE_LAYERS[inside]}.weight"


def _convert(expected: Mapping[str, torch.Size]) -> dict[str, Conversion]:
    return {name: Conversion((llada_name(name),)) for name in expected}


LLADA = Family(
    name="llada",
    config=Later("axon.models.rotary", "RotaryConfig"),
    network=Later("axon.models.rotary", "LlamaWithRotary"),
    read_config=_read_config,
    convert=_convert,
    architectures=("LLaDAModelLM",),
    mask_token_id=126336,  # GSAI-ML/LLaDA-8B-Instruct: config.json
    turn_end_token_ids=(126348,),  # <|eot_id|>: ML-GSAI/LLaDA: generate.py
    inert=_INERT,
    version=2,  # rotation in float32, and <|eot_id|> ends the text
)
