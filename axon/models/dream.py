"""Dream: a bidirectional Qwen2 that predicts each position from the one before it (logits shifted by one)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

from axon.models.conversion import same_names
from axon.models.family import Family
from axon.models.qwen import INERT, common_fields


def _read_config(config: Mapping[str, Any]) -> Qwen2Config:
    return Qwen2Config(**common_fields(config))


DREAM = Family(
    name="dream",
    network=Qwen2ForCausalLM,
    read_config=_read_config,
    convert=same_names,
    architectures=("DreamModel",),
    mask_token_id=151666,
    turn_end_token_ids=(151645,),  # <|im_end|>
    inert=INERT,
    version=2,  # <|im_end|> ends the text
    shift=1,
    tokenizer=Qwen2Tokenizer,
)
