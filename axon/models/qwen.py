"""What Dream and SDAR share: the config fields of Qwen, by transformers' names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axon.models.family import number, refuse_other, require

# Fields that would change the computation, with the values that the Qwen modules compute here.
_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("silu",),
    "use_sliding_window": (False, None),
    "rope_scaling": (None,),
}


def common_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that Qwen2Config and Qwen3Config share. Raises CheckpointError."""
    refuse_other(config, _SUPPORTED)
    heads = require(config, "num_attention_heads", int)
    layers = require(config, "num_hidden_layers", int)
    return {
        "vocab_size": require(config, "vocab_size", int),
        "hidden_size": require(config, "hidden_size", int),
        "intermediate_size": require(config, "intermediate_size", int),
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": config.get("num_key_value_heads") or heads,
        "max_position_embeddings": require(config, "max_position_embeddings", int),
        "rms_norm_eps": number(config, "rms_norm_eps"),
        "rope_parameters": {"rope_type": "default", "rope_theta": number(config, "rope_theta", 10000.0)},
        "tie_word_embeddings": bool(config.get("tie_word_embeddings", False)),
        "use_sliding_window": False,
        "layer_types": ["full_attention"] * layers,
        "pad_token_id": None,
        "bos_token_id": None,
        "eos_token_id": None,
    }
