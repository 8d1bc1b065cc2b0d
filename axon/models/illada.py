"""iLLaDA: LLaDA's successor, a bidirectional Llama with transformers' own tensor names that predicts in place.

GSAI-ML/iLLaDA-8B-Base: modeling_illada.py. Its rotary embedding has the precision of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axon.models.conversion import same_names
from axon.models.family import Family, refuse_other
from axon.models.later import of_transformers
from axon.models.qwen import common_fields, refuse_own_head_size

# Fields that would change the computation, with the values that the Llama modules compute here.
_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "attention_bias": (False, None),
    "mlp_bias": (False, None),
    "layer_norm_eps": (None,),  # given, it asks for layer norms with a bias in place of RMS norms
}
_INERT = dict.fromkeys(("resid_pdrop", "embd_pdrop", "pretraining_tp"), "read in training only")
_OF_QWEN = ("use_sliding_window", "layer_types")


def _read_config(config: Mapping[str, Any]) -> dict[str, Any]:
    refuse_other(config, _SUPPORTED)
    refuse_own_head_size(config)
    fields = {key: value for key, value in common_fields(config).items() if key not in _OF_QWEN}
    return fields | {"attention_bias": False, "mlp_bias": False}


ILLADA = Family(
    name="illada",
    config=of_transformers("LlamaConfig"),
    network=of_transformers("LlamaForCausalLM"),
    read_config=_read_config,
    convert=same_names,
    architectures=("ILLaDAForCausalLM",),
    # Neither config.json nor the tokenizer says so: `<[MASK]>`, mask_id=5 in ML-GSAI/LLaDA's evaluation of iLLaDA.
    mask_token_id=5,
    inert=_INERT,
)
