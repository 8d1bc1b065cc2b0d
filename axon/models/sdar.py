"""SDAR: a Qwen3 that predicts in place and sees the prompt and all blocks up to its own (block-causal)."""

from __future__ import annotations

from axon.models.conversion import same_names
from axon.models.family import Family
from axon.models.qwen import IM_END, INERT, QWEN3, QWEN3_CONFIG, TOKENIZER, qwen3_fields

_TRAINING = (
    "debug",
    "ep_size",
    "fuse_cross_entropy",
    "micro_forward",
    "skip_checkpoint",
    "use_deepep",
)  # JetAstra/SDAR: training/model/SDAR-8B-Chat/config.json

SDAR = Family(
    name="sdar",
    config=QWEN3_CONFIG,
    network=QWEN3,
    read_config=qwen3_fields,
    convert=same_names,
    architectures=("SDARForCausalLM",),
    mask_token_id=151669,  # JetAstra/SDAR: README.md, generate.py
    turn_end_token_ids=(IM_END,),
    inert=INERT | dict.fromkeys(_TRAINING, "read in training only"),
    version=2,  # <|im_end|> ends the text
    block_causal=True,
    block_size=4,  # JetAstra/SDAR: README.md; the -b8 to -b64 releases: conf/model
    tokenizer=TOKENIZER,
)
