"""Random checkpoints in each of the three formats, as released: config, safetensors, tokenizer with a chat template."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tests.pipeline.conftest import VOCABULARY, write_checkpoint

FORMATS = ("llada", "dream", "sdar")
LONGEST = 4096  # positions; every character is a token here
TEMPLATE = (
    "{% for turn in messages %}<{{ turn.role }}>{{ turn.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
QWEN: dict[str, tuple[str, type[PretrainedConfig], type[PreTrainedModel], dict[str, int]]] = {
    "dream": ("Dream", Qwen2Config, Qwen2ForCausalLM, {}),
    "sdar": ("sdar", Qwen3Config, Qwen3ForCausalLM, {"head_dim": 8}),
}


def random_checkpoint(family: str, folder: Path) -> Path:
    """The same nonsense every time, in the family's format."""
    write_checkpoint(folder)
    if family == "llada":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"max_sequence_length": LONGEST}))
    else:
        _write_qwen(family, folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder


def _write_qwen(family: str, folder: Path) -> None:
    name, config_class, network_class, more = QWEN[family]
    sizes = {
        "vocab_size": len(VOCABULARY),
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": LONGEST,
        **more,
    }
    torch.manual_seed(0)
    network = network_class(config_class(**sizes))
    save_file(
        {key: value.contiguous() for key, value in network.state_dict().items()}, folder / "model.safetensors"
    )
    ids = {"mask_token_id": VOCABULARY.index("<|mask|>"), "eos_token_id": VOCABULARY.index("<|end|>")}
    described = {
        "model_type": name,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 1e6,
        **sizes,
        **ids,
    }
    (folder / "config.json").write_text(json.dumps(described))
