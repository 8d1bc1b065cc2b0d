"""Fast-dLLM v2: a block-causal Qwen2 that predicts each position from the one before it, sub-block by sub-block.

A block's first token comes from the last position of the block before it, as in an autoregressive model, and is there
before the others are predicted. Read in the release's v2/generation_functions.py (batch_sample without its block cache)
and v2/eval.py, as copied in lamawmouk/Fast-dLLM; config fields: Efficient-Large-Model/Fast_dLLM_v2_7B: config.json.
"""

from __future__ import annotations

from axon.models.conversion import same_names
from axon.models.family import Family
from axon.models.qwen import IM_END, INERT, QWEN2, QWEN2_CONFIG, TOKENIZER, common_fields

FAST_DLLM = Family(
    name="fast_dllm_v2",
    config=QWEN2_CONFIG,
    network=QWEN2,
    read_config=common_fields,
    convert=same_names,
    architectures=("Fast_dLLM_QwenForCausalLM",),
    model_types=("fast_dllm_qwen",),
    mask_token_id=151665,  # |<MASK>|
    turn_end_token_ids=(IM_END,),
    inert=INERT | {"conplemenrary_mask": "read in training only"},
    shift=1,
    block_causal=True,
    sub_block=8,  # small_block_size of v2/eval.py
    tokenizer=TOKENIZER,
)
