"""A checkpoint folder -> a model: config.json, safetensors (one file or sharded with an index), tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from axon.attention import KERNELS, kernel_name
from axon.models.dream import DREAM
from axon.models.family import CheckpointError, Family, require
from axon.models.folder import read_json
from axon.models.llada import LLADA
from axon.models.model import MaskedDiffusionModel
from axon.models.sdar import SDAR
from axon.models.weights import read_weights

FAMILIES: dict[str, Family] = {"llada": LLADA, "dream": DREAM, "sdar": SDAR}  # by model_type, lower case

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Description:
    """Everything about a checkpoint except its tensors."""

    family: Family
    network: PretrainedConfig
    mask_token_id: int
    end_token_ids: tuple[int, ...]  # empty if the checkpoint names none
    block_size: int | None = None

    @property
    def num_layers(self) -> int:
        return int(self.network.num_hidden_layers)

    @property
    def max_length(self) -> int:
        """The longest sequence in tokens, prompt and answer together."""
        return int(self.network.max_position_embeddings)


def load_model(
    path: str | Path, dtype: str = "float32", device: str = "cpu", attention_kernel: str = "sdpa"
) -> MaskedDiffusionModel:
    """Load a checkpoint in the format of LLaDA, Dream or SDAR into transformers' own modules, in evaluation mode.

    Raises CheckpointError if the folder, its config or a tensor is faulty, and for an unknown dtype, device or
    attention kernel.
    """
    if dtype not in DTYPES:
        raise CheckpointError(f"model.dtype={dtype!r}: unknown; one of {', '.join(DTYPES)}")
    if attention_kernel not in KERNELS:
        raise CheckpointError(
            f"model.attention_kernel={attention_kernel!r}: unknown; one of {', '.join(KERNELS)}"
        )
    described = describe(path)
    described.network._attn_implementation = kernel_name(attention_kernel)
    return MaskedDiffusionModel(
        _load_network(Path(path), described, DTYPES[dtype], _device(device)),
        described.family,
        described.mask_token_id,
        described.end_token_ids,
        described.max_length,
        described.block_size,
    ).eval()


def _load_network(
    folder: Path, described: Description, dtype: torch.dtype, device: torch.device
) -> PreTrainedModel:
    """The network with the checkpoint's weights, which are read straight into place."""
    config = described.network
    with torch.device("meta"):
        network = described.family.network(config)
    tied = bool(config.tie_word_embeddings)
    expected = {
        name: tensor.shape
        for name, tensor in network.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }
    weights = read_weights(folder, described.family, expected, dtype, device)
    network.load_state_dict(weights, strict=False, assign=True)
    if tied:
        network.get_submodule("lm_head").weight = network.get_submodule("model.embed_tokens").weight
    # The rotary frequencies are computed, not stored, so on "meta" they have no values: they are made again here.
    body = network.get_submodule("model")
    body.rotary_emb = type(body.get_submodule("rotary_emb"))(config).to(device)
    return network.requires_grad_(False)


def describe(path: str | Path) -> Description:
    """What the checkpoint's configs say, without reading its tensors. Raises CheckpointError."""
    folder = Path(path)
    config = read_json(folder, "config.json")
    try:
        family = _family(config)
        network = family.read_config(config)
        mask_token_id = require(config, "mask_token_id", int)
        if not 0 <= mask_token_id < network.vocab_size:
            raise CheckpointError(
                f"config.json: mask_token_id={mask_token_id}: lies outside the vocabulary; repair it"
            )
        ends = _end_token_ids(folder, config, network.vocab_size)
    except CheckpointError as error:
        raise CheckpointError(f"model.path={str(path)!r}: {error}") from None
    return Description(family, network, mask_token_id, ends)


def load_tokenizer(path: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer, from tokenizer.json or, for Dream and SDAR, vocab.json and merges.txt; no remote code is run.

    Raises CheckpointError if there is none or it is broken.
    """
    folder = Path(path)
    kind: type[PreTrainedTokenizerBase] = PreTrainedTokenizerFast
    if not (folder / "tokenizer.json").is_file():
        own = describe(folder).family.tokenizer
        if own is None or not all((folder / name).is_file() for name in ("vocab.json", "merges.txt")):
            raise CheckpointError(
                f"model.path={str(path)!r}: has no tokenizer.json; put the checkpoint's tokenizer there"
            )
        kind = own
    try:
        tokenizer: PreTrainedTokenizerBase = kind.from_pretrained(str(folder))
    except Exception as error:  # tokenizers raises bare Exception on a broken file
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"model.path={str(path)!r}: the tokenizer's files are broken ({reason}); copy them again"
        ) from error
    return tokenizer


def _end_token_ids(folder: Path, config: Mapping[str, Any], vocabulary: int) -> tuple[int, ...]:
    """Every end-of-text token named by config.json and, if there is one, generation_config.json."""
    named = [("config.json", config.get("eos_token_id"))]
    if (folder / "generation_config.json").is_file():
        generation = read_json(folder, "generation_config.json")
        named.append(("generation_config.json", generation.get("eos_token_id")))
    found: dict[int, None] = {}
    for name, value in named:
        for token in value if isinstance(value, list) else [] if value is None else [value]:
            if not isinstance(token, int) or not 0 <= token < vocabulary:
                raise CheckpointError(
                    f"{name}: eos_token_id={value!r}: must be token numbers below {vocabulary}; repair it"
                )
            found[token] = None
    return tuple(found)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"model.device={name!r}: cannot be used here ({reason}); try cpu") from error
    return device


def _family(config: Mapping[str, Any]) -> Family:
    kind = str(config.get("model_type", "")).lower()
    if kind not in FAMILIES:
        raise CheckpointError(
            f"config.json: model_type={config.get('model_type')!r}: unknown; one of {', '.join(FAMILIES)}"
        )
    return FAMILIES[kind]
