"""A checkpoint folder -> what its config and the tokenizer's files say, from JSON alone: no torch is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axon.models import special_tokens
from axon.models.a2d import A2D_QWEN2, A2D_QWEN3
from axon.models.dispatch import family_of, with_attention
from axon.models.dream import DREAM
from axon.models.family import CheckpointError, Family, whole
from axon.models.family_code import family_code
from axon.models.fast_dllm import FAST_DLLM
from axon.models.folder import read_json
from axon.models.illada import ILLADA
from axon.models.keys import ReadKeys
from axon.models.llada import LLADA
from axon.models.llada2 import LLADA2
from axon.models.llada_moe import LLADA_MOE
from axon.models.open_dcoder import OPEN_DCODER
from axon.models.overrides import AS_THE_FILES_SAY, Overrides
from axon.models.sdar import SDAR
from axon.models.sdar_moe import SDAR_MOE
from axon.models.special_tokens import TokenTexts

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

# What every network here is built from, by transformers' names: a default of its config could be another checkpoint's.
FIELDS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "max_position_embeddings",
    "rms_norm_eps",
    "rope_parameters",
    "tie_word_embeddings",
)


@dataclass(frozen=True)
class Description:
    """Everything about a checkpoint except its tensors."""

    family: Family
    network: Mapping[str, Any]  # what it is built from: arguments of the family's `config`
    mask_token_id: int
    eos_token_ids: tuple[int, ...]  # end-of-text proper
    end_token_ids: tuple[int, ...]  # with those that end a turn; empty if the checkpoint names none
    block_size: int | None  # the block length it was trained with, if its config says

    @property
    def num_layers(self) -> int:
        return int(self.network["num_hidden_layers"])

    @property
    def max_length(self) -> int:
        """The longest sequence in tokens, prompt and answer together."""
        return int(self.network["max_position_embeddings"])

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding."""
        return int(self.network["vocab_size"])


def describe(path: str | Path, overrides: Overrides = AS_THE_FILES_SAY) -> Description:
    """What the checkpoint's files say, without reading its tensors. Raises CheckpointError, one line."""
    folder = Path(path)
    config = ReadKeys(read_json(folder, "config.json"))
    try:
        family = with_attention(family_of(config, FAMILIES), overrides.attention)
        with family_code(family.name):
            network = family.read_config(config)
        _check_fields(family, network)
        _check_heads(network)
        texts, size = TokenTexts(folder), int(network["vocab_size"])
        mask = special_tokens.mask_token_id(overrides.mask_token_id, config, texts, family, size)
        ends = special_tokens.end_tokens(overrides.end_tokens, folder, config, texts, family, size)
        if mask in ends.every:
            raise CheckpointError(
                f"token {mask}: is named as the mask token and as an end of the text, and can't be both; give "
                "model.mask_token_id or model.end_tokens"
            )
        if (given := overrides.block_size) is not None and (type(given) is not int or given < 1):
            raise CheckpointError(
                f"model.block_size={given!r}: must be a whole number of at least 1; give another"
            )
        own_block_size = _block_size(config, family)
        config.refuse_absent(overrides.inert_keys)
        config.refuse_unread([*family.inert, *overrides.inert_keys])
    except CheckpointError as error:
        line = str(error).removeprefix(
            f"model.path={str(path)!r}: "
        )  # said already where a file can't be read
        raise CheckpointError(f"model.path={str(path)!r}: {line}") from None
    return Description(family, network, mask, ends.eos, ends.every, overrides.block_size or own_block_size)


def _check_fields(family: Family, network: Mapping[str, Any]) -> None:
    """Refuse a family that leaves a field to the default of its modules."""
    if missing := [field for field in FIELDS if field not in network]:
        raise CheckpointError(
            f"family {family.name}: read_config gives no {', '.join(missing)}; say what the checkpoint's are"
        )


def _check_heads(network: Mapping[str, Any]) -> None:
    """Refuse heads that the modules would build and could not compute with."""
    heads, key_heads = network["num_attention_heads"], network["num_key_value_heads"]
    if heads % key_heads:
        raise CheckpointError(
            f"config.json: {key_heads} key heads for {heads} heads: their number must divide that of all; repair it"
        )
    size = network.get("head_dim") or network["hidden_size"] // heads
    rotary = network.get("rope_parameters", {})  # absent: as the family's modules have it, of whole heads
    rotated = int(size * rotary.get("partial_rotary_factor", 1.0))
    if rotated < 2 or rotated % 2 or rotated > size:
        raise CheckpointError(
            f"config.json: heads of size {size}, of which {rotated} is rotated: must be a pair or several; repair it"
        )


def _block_size(config: Mapping[str, Any], family: Family) -> int | None:
    """As config.json says it, under one of two names, else the family."""
    for key in ("block_size", "bd_size"):
        if config.get(key) is not None:
            return whole(config, key)
    return family.block_size
