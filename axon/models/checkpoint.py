"""A checkpoint folder -> a model: config.json, safetensors (one file or sharded with an index), tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from axon.attention import KERNELS, kernel_name
from axon.models import special_tokens
from axon.models.a2d import A2D_QWEN2, A2D_QWEN3
from axon.models.dispatch import family_of, with_attention
from axon.models.dream import DREAM
from axon.models.family import CheckpointError, Family, require
from axon.models.fast_dllm import FAST_DLLM
from axon.models.folder import read_json
from axon.models.illada import ILLADA
from axon.models.keys import ReadKeys
from axon.models.llada import LLADA
from axon.models.llada2 import LLADA2
from axon.models.llada_moe import LLADA_MOE
from axon.models.model import MaskedDiffusionModel
from axon.models.open_dcoder import OPEN_DCODER
from axon.models.overrides import AS_THE_FILES_SAY, Overrides
from axon.models.sdar import SDAR
from axon.models.sdar_moe import SDAR_MOE
from axon.models.special_tokens import TokenTexts
from axon.models.tokenizer import read_tokenizer
from axon.models.weights import read_weights

FAMILIES: tuple[Family, ...] = (
    LLADA,
    DREAM,
    SDAR,
    A2D_QWEN2,
    A2D_QWEN3,
    OPEN_DCODER,
    ILLADA,
    LLADA_MOE,
    LLADA2,
    SDAR_MOE,
    FAST_DLLM,
)

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"


@dataclass(frozen=True)
class Description:
    """Everything about a checkpoint except its tensors."""

    family: Family
    network: PretrainedConfig
    mask_token_id: int
    eos_token_ids: tuple[int, ...]  # end-of-text proper
    end_token_ids: tuple[int, ...]  # with those that end a turn; empty if the checkpoint names none
    block_size: int | None  # the block length it was trained with, if its config says

    @property
    def num_layers(self) -> int:
        return int(self.network.num_hidden_layers)

    @property
    def max_length(self) -> int:
        """The longest sequence in tokens, prompt and answer together."""
        return int(self.network.max_position_embeddings)

    def model(self, network: PreTrainedModel) -> MaskedDiffusionModel:
        """The model around a network of this config, whose weights need not be there."""
        return MaskedDiffusionModel(
            network,
            self.family,
            self.mask_token_id,
            self.end_token_ids,
            self.max_length,
            self.block_size,
            eos_token_ids=self.eos_token_ids,
        )


def load_model(
    path: str | Path,
    dtype: str = "float32",
    device: str = "cpu",
    attention_kernel: str = "sdpa",
    overrides: Overrides = AS_THE_FILES_SAY,
) -> MaskedDiffusionModel:
    """Load a checkpoint in the format of one of FAMILIES into transformers' own modules, in evaluation mode.

    Raises CheckpointError if the folder, its config or a tensor is faulty, and for an unknown dtype,
    device or attention kernel.
    """
    if dtype not in DTYPES:
        raise CheckpointError(f"model.dtype={dtype!r}: unknown; one of {', '.join(DTYPES)}")
    if attention_kernel not in KERNELS:
        raise CheckpointError(
            f"model.attention_kernel={attention_kernel!r}: unknown; one of {', '.join(KERNELS)}"
        )
    described = describe(path, overrides)
    described.network._attn_implementation = kernel_name(attention_kernel)
    return described.model(_load_network(Path(path), described, DTYPES[dtype], _device(device))).eval()


def _load_network(
    folder: Path, described: Description, dtype: torch.dtype, device: torch.device
) -> PreTrainedModel:
    """The network with the checkpoint's weights, which are read straight into place."""
    config = described.network
    with torch.device("meta"):
        network = described.family.network(config)
    expected = {name: tensor.shape for name, tensor in network.state_dict().items()}
    tied = (HEAD, EMBEDDING) if config.tie_word_embeddings else None
    weights = read_weights(folder, described.family, expected, dtype, device, tied)
    network.load_state_dict(weights, strict=False, assign=True)
    if tied:
        network.get_submodule("lm_head").weight = network.get_submodule("model.embed_tokens").weight
    # The rotary frequencies are computed, not stored, so on "meta" they have no values: they are made again here.
    body = network.get_submodule("model")
    body.rotary_emb = type(body.get_submodule("rotary_emb"))(config).to(device)
    return network.requires_grad_(False)


def describe(path: str | Path, overrides: Overrides = AS_THE_FILES_SAY) -> Description:
    """What the checkpoint's files say, without reading its tensors. Raises CheckpointError, one line."""
    folder = Path(path)
    config = ReadKeys(read_json(folder, "config.json"))
    try:
        family = with_attention(family_of(config, FAMILIES), overrides.attention)
        network = family.read_config(config)
        texts, size = TokenTexts(folder), int(network.vocab_size)
        mask = special_tokens.mask_token_id(overrides.mask_token_id, config, texts, family, size)
        ends = special_tokens.end_tokens(overrides.end_tokens, folder, config, texts, family, size)
        own_block_size = _block_size(config, family)
        config.refuse_unread([*family.inert, *overrides.inert_keys])
    except CheckpointError as error:
        line = str(error).removeprefix(
            f"model.path={str(path)!r}: "
        )  # said already where a file can't be read
        raise CheckpointError(f"model.path={str(path)!r}: {line}") from None
    return Description(family, network, mask, ends.eos, ends.every, overrides.block_size or own_block_size)


def load_tokenizer(path: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer, from tokenizer.json or, for Dream and SDAR, vocab.json and merges.txt; no remote code is run.

    Raises CheckpointError if there is none or it is broken.
    """
    folder = Path(path)
    if (folder / "tokenizer.json").is_file():
        return read_tokenizer(path, None)
    return read_tokenizer(path, family_of(read_json(folder, "config.json"), FAMILIES).tokenizer)


def _block_size(config: Mapping[str, Any], family: Family) -> int | None:
    """As config.json says it, under one of two names, else the family."""
    for key in ("block_size", "bd_size"):
        if config.get(key) is not None:
            return int(require(config, key, int))
    return family.block_size


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"model.device={name!r}: cannot be used here ({reason}); try cpu") from error
    return device
