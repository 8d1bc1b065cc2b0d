"""A2D: an autoregressive Qwen trained on as a diffusion model (dllm-hub's Tiny-A2D and coder-A2D); predicts in place.

`mdlm` sees everything, `bd3lm` sees blocks up to its own; both have one architecture and one config (ZHZisZZ/dllm:
dllm/pipelines/a2d/convert.py), so that the user says which: model.attention.
"""

from __future__ import annotations

from dataclasses import replace

from transformers import Qwen2ForCausalLM, Qwen2Tokenizer, Qwen3ForCausalLM

from axon.models.conversion import same_names
from axon.models.family import Family
from axon.models.qwen import IM_END, INERT, qwen2_config, qwen3_config

A2D_QWEN2 = Family(
    name="a2d-qwen2",
    network=Qwen2ForCausalLM,
    read_config=qwen2_config,
    convert=same_names,
    architectures=("A2DQwen2LMHeadModel",),
    turn_end_token_ids=(IM_END,),
    inert=INERT,
    block_causal=None,
    tokenizer=Qwen2Tokenizer,
)
A2D_QWEN3 = replace(
    A2D_QWEN2,
    name="a2d-qwen3",
    network=Qwen3ForCausalLM,
    read_config=qwen3_config,
    architectures=("A2DQwen3LMHeadModel",),
)
