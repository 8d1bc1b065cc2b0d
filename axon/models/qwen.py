"""What Dream and SDAR share: the config fields of Qwen, by transformers' names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axon.models.family import CheckpointError, number, refuse_other, whole
from axon.models.later import of_transformers

# Fields that would change the computation, with the values that the Qwen modules compute here.
_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("silu",),
    "use_sliding_window": (False, None),
    "use_mrope": (False, None),
    "rope_scaling": (None, {"type": "default"}, {"rope_type": "default"}),
}

IM_END = 151645  # <|im_end|>: the end of a turn in the chat templates of Qwen's tokenizers

INERT: dict[str, str] = dict.fromkeys(
    ("sliding_window", "max_window_layers"), "of use_sliding_window, which is refused"
)


QWEN2_CONFIG, QWEN2 = of_transformers("Qwen2Config"), of_transformers("Qwen2ForCausalLM")
QWEN3_CONFIG, QWEN3 = of_transformers("Qwen3Config"), of_transformers("Qwen3ForCausalLM")
QWEN3_MOE_CONFIG = of_transformers("Qwen3MoeConfig")
TOKENIZER = of_transformers("Qwen2Tokenizer")


def common_fields(config: Mapping[str, Any], dense: str = "intermediate_size") -> dict[str, Any]:
    """Arguments that Qwen's configs share; `dense` is the key of a dense layer's width. Raises CheckpointError."""
    refuse_other(config, _SUPPORTED)
    heads = whole(config, "num_attention_heads")
    layers = whole(config, "num_hidden_layers")
    refuse_other(config, {"layer_types": (None, ["full_attention"] * layers)})
    return {
        "vocab_size": whole(config, "vocab_size"),
        "hidden_size": whole(config, "hidden_size"),
        "intermediate_size": whole(config, dense),
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": whole(config, "num_key_value_heads", default=heads),
        "max_position_embeddings": whole(config, "max_position_embeddings"),
        "rms_norm_eps": number(config, "rms_norm_eps"),
        "rope_parameters": {"rope_type": "default", "rope_theta": rope_theta(config)},
        "tie_word_embeddings": bool(config.get("tie_word_embeddings", False)),
        "use_sliding_window": False,
        "layer_types": ["full_attention"] * layers,
        "pad_token_id": None,
        "bos_token_id": None,
        "eos_token_id": None,
    }


def qwen2_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """A Qwen2: biases in the projections of queries, keys and values. Raises CheckpointError."""
    refuse_other(config, {"attention_bias": (True, None)})
    refuse_own_head_size(config)
    return common_fields(config)


def refuse_own_head_size(config: Mapping[str, Any]) -> None:
    """Refuse heads that are not the hidden size divided among them, as a Qwen2's and an iLLaDA's are."""
    shared = whole(config, "hidden_size") / whole(config, "num_attention_heads")
    refuse_other(config, {"head_dim": (None, shared)})


def qwen3_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """A Qwen3: no biases, queries and keys normalised per head. Raises CheckpointError."""
    refuse_other(config, {"attention_bias": (False, None)})
    own = {"head_dim": whole(config, "head_dim"), "attention_bias": False}
    return common_fields(config) | own


def rope_theta(config: Mapping[str, Any]) -> float:
    """The base of the rotary frequencies, at the top of the config or, since transformers 5, in `rope_parameters`."""
    inside = config.get("rope_parameters")
    if inside is None:
        return number(config, "rope_theta", 10000.0)
    if not isinstance(inside, dict) or inside.get("rope_type", "default") != "default" or len(inside) > 2:
        raise CheckpointError(
            f"config.json: rope_parameters={inside!r}: this variant is not supported; supported: rope_type 'default'"
        )
    if config.get("rope_theta", inside.get("rope_theta")) != inside.get("rope_theta"):
        raise CheckpointError(
            f"config.json: rope_theta={config.get('rope_theta')!r}: rope_parameters say otherwise; repair it"
        )
    return number(inside, "rope_theta")
