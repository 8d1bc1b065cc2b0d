"""Open-dCoder: a Qwen2 under its own name, read with Dream's rules: bidirectional, logits shifted by one.

pengzhangzhi/Open-dLLM: sample.py, veomni/models/transformers/qwen2/generation_utils.py. An ordinary Qwen2 says the
same architecture; it has no mask token, and is refused for that.
"""

from __future__ import annotations

from axon.models.conversion import same_names
from axon.models.family import Family
from axon.models.qwen import IM_END, INERT, QWEN2, QWEN2_CONFIG, TOKENIZER, qwen2_fields

OPEN_DCODER = Family(
    name="open-dcoder",
    config=QWEN2_CONFIG,
    network=QWEN2,
    read_config=qwen2_fields,
    convert=same_names,
    architectures=("Qwen2ForCausalLM",),
    model_types=("qwen2",),
    turn_end_token_ids=(IM_END,),
    inert=INERT,
    shift=1,
    tokenizer=TOKENIZER,
)
