"""Dream: a bidirectional Qwen2 that predicts each position from the one before it (logits shifted by one)."""

from __future__ import annotations

from axon.models.conversion import same_names
from axon.models.family import Family
from axon.models.qwen import IM_END, INERT, QWEN2, QWEN2_CONFIG, TOKENIZER, qwen2_fields

DREAM = Family(
    name="dream",
    config=QWEN2_CONFIG,
    network=QWEN2,
    read_config=qwen2_fields,
    convert=same_names,
    architectures=("DreamModel",),
    mask_token_id=151666,  # Dream-org/Dream-v0-Instruct-7B: config.json
    turn_end_token_ids=(IM_END,),
    inert=INERT,
    version=2,  # <|im_end|> ends the text
    shift=1,
    tokenizer=TOKENIZER,
)
