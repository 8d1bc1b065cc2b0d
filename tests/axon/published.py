"""Checkpoints with the config.json of a release, its sizes apart: two layers of random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from axon import Overrides
from axon.models.description import Description, describe

CONFIGS = Path(__file__).parent / "configs"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.json"))
# What the config can't say; with conf/model the user never types it.
ATTENTION: dict[str, Any] = {
    "a2d_qwen3_0_6b": "bidirectional",
    "a2d_qwen2_5_coder_0_5b": "block_causal",
}

_SIZES = {
    "d_model": 32,
    "n_heads": 4,
    "n_kv_heads": 4,
    "n_layers": 2,
    "mlp_hidden_size": 48,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 48,
    "head_dim": 8,
}
# The tokenizer's part of a release, as far as it names the mask token: the first free number of Qwen2.5 and of Qwen3,
# where an added token goes (ZHZisZZ/dllm: dllm/utils/models.py). Open-dCoder's text is made up.
_MASKS = {
    "a2d_qwen3_0_6b": (151669, "<|mask|>"),
    "a2d_qwen2_5_coder_0_5b": (151665, "<|mask|>"),
    "open_dcoder_0_5b": (151665, "<M>"),
}


def small(name: str) -> dict[str, Any]:
    """The release's config with small sizes; the vocabulary stays, and so do the token numbers."""
    config: dict[str, Any] = json.loads((CONFIGS / f"{name}.json").read_text())
    config |= {key: value for key, value in _SIZES.items() if key in config}
    if "layer_types" in config:
        config["layer_types"] = ["full_attention"] * 2
    return config


def write_tokens(folder: Path, tokens: dict[int, str], mask: str | None = None) -> None:
    """The tokenizer_config.json that names these added tokens."""
    added = {str(number): {"content": text, "special": True} for number, text in tokens.items()}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"added_tokens_decoder": added} | ({"mask_token": mask} if mask else {}))
    )


def write_published(folder: Path, name: str, **changes: object) -> Path:
    """A folder with that config, and random bfloat16 weights that make beliefs and attention uneven."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(small(name) | changes))
    if name in _MASKS:
        number, text = _MASKS[name]
        write_tokens(folder, {number: text}, text)
    save_file(
        _weights(describe(folder, Overrides(attention=ATTENTION.get(name)))), folder / "model.safetensors"
    )
    return folder


def _weights(described: Description) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        network = described.family.build(described.network)
    expected = {name: tensor.shape for name, tensor in network.state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    stored = {}
    for name, conversion in described.family.convert(expected).items():
        if name == "lm_head.weight" and described.network["tie_word_embeddings"]:
            continue
        values = torch.randn(expected[name], generator=generator) * 0.4
        [source] = conversion.sources
        stored[source] = (1 + values if "norm" in name else values).bfloat16()
    return stored
