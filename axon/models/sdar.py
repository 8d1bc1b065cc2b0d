"""SDAR: a Qwen3 that predicts in place and sees the prompt and all blocks up to its own (block-causal)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3ForCausalLM

from axon.models.conversion import same_names
from axon.models.family import Family, refuse_other, require
from axon.models.qwen import INERT, common_fields


def _read_config(config: Mapping[str, Any]) -> Qwen3Config:
    refuse_other(config, {"attention_bias": (False, None)})
    return Qwen3Config(
        **common_fields(config), head_dim=require(config, "head_dim", int), attention_bias=False
    )


SDAR = Family(
    name="sdar",
    network=Qwen3ForCausalLM,
    read_config=_read_config,
    convert=same_names,
    architectures=("SDARForCausalLM",),
    mask_token_id=151669,
    turn_end_token_ids=(151645,),  # <|im_end|>
    inert=INERT,
    version=2,  # <|im_end|> ends the text
    block_causal=True,
    tokenizer=Qwen2Tokenizer,
)
