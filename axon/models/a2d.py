"""A2D: an autoregressive Qwen trained on as a diffusion model (dllm-hub's Tiny-A2D and coder-A2D); predicts in place.

`mdlm` sees everything, `bd3lm` sees blocks up to its own; both have one architecture and one config (ZHZisZZ/dllm:
dllm/pipelines/a2d/convert.py), so that the user says which: model.attention.
"""

from __future__ import annotations

from dataclasses import replace

from axon.models.conversion import same_names
from axon.models.family import Family
from axon.models.qwen import (
    IM_END,
    INERT,
    QWEN2,
    QWEN2_CONFIG,
    QWEN3,
    QWEN3_CONFIG,
    TOKENIZER,
    qwen2_fields,
    qwen3_fields,
)

A2D_QWEN2 = Family(
    name="a2d-qwen2",
    config=QWEN2_CONFIG,
    network=QWEN2,
    read_config=qwen2_fields,
    convert=same_names,
    architectures=("A2DQwen2LMHeadModel",),
    turn_end_token_ids=(IM_END,),
    inert=INERT,
    block_causal=None,
    tokenizer=TOKENIZER,
)
A2D_QWEN3 = replace(
    A2D_QWEN2,
    name="a2d-qwen3",
    config=QWEN3_CONFIG,
    network=QWEN3,
    read_config=qwen3_fields,
    architectures=("A2DQwen3LMHeadModel",),
)
