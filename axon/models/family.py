"""What defines a model family: how its config is read, how its tensors are converted, and how it predicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import inf
from typing import TYPE_CHECKING, Any

from axon.models.conversion import Convert
from axon.models.later import Later

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


# Fields that transformers' modules look for in every config, though few declare them.
LOOKED_FOR = ("head_dim", "layer_types", "experts_implementation")
LARGEST = 100_000_000  # of sizes and counts: no network has more of anything


class CheckpointError(ValueError):
    """A checkpoint that cannot be used: one line with the value, the rule and the remedy."""


@dataclass(frozen=True)
class Family:
    """A checkpoint format and the transformers modules that it loads into."""

    name: str
    config: Callable[..., PretrainedConfig]
    network: Callable[[PretrainedConfig], PreTrainedModel]
    read_config: Callable[
        [Mapping[str, Any]], dict[str, Any]
    ]  # -> arguments of `config`; raises CheckpointError
    convert: Convert
    # What config.json calls the format: by `architectures`, and by model_type only where a config has no architectures.
    architectures: tuple[str, ...] = ()
    model_types: tuple[str, ...] = ()  # lower case; empty: the family's name
    # What the releases' files do not say, or not all of them: where it applies, see axon.models.special_tokens.
    mask_token_id: int | None = None
    eos_token_ids: tuple[int, ...] = ()
    turn_end_token_ids: tuple[int, ...] = ()
    block_size: int | None = None  # the block length it was trained with
    # Keys of config.json that change nothing here, each with the reason. Every other one is read or refused.
    inert: Mapping[str, str] = field(default_factory=dict)
    # Raise it with any change to the family that can change a token: stored results then no longer count as its own.
    version: int = 1
    shift: int = 0  # position i is predicted from the hidden state at i - shift
    # A block sees the prompt and all blocks up to and including itself. None: the user says it, the config can't.
    block_causal: bool | None = False
    # A block's first position is decoded alone, then the others in sub-blocks of this length, left to right.
    sub_block: int | None = None
    tokenizer: Later | None = None  # for releases with only vocab.json and merges.txt

    def configured(self, fields: Mapping[str, Any]) -> PretrainedConfig:
        """The config of what `read_config` has read. Raises CheckpointError for a field that it doesn't have:
        transformers would keep it as it is, and no module would look at it.
        """
        known = self.config()
        if unknown := [key for key in fields if not hasattr(known, key) and key not in LOOKED_FOR]:
            near = get_close_matches(unknown[0], [*vars(known), *LOOKED_FOR], 1)
            meant = f"did you mean {near[0]}?" if near else "leave it out"
            raise CheckpointError(
                f"family {self.name}: read_config gives {', '.join(unknown)}, which {type(known).__name__} has no "
                f"place for; {meant}"
            )
        return self.config(**fields)

    def build(self, fields: Mapping[str, Any]) -> PreTrainedModel:
        """The network of what `read_config` has read, with whatever weights it begins with."""
        return self.network(self.configured(fields))


def require(config: Mapping[str, Any], key: str, kind: type) -> Any:
    """`config[key]`, which must be of type `kind`."""
    value = config.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise CheckpointError(
            f"config.json: {key}={value!r}: must be given, as {kind.__name__}; repair the checkpoint"
        )
    return value


def whole(config: Mapping[str, Any], key: str, least: int = 1, default: int | None = None) -> int:
    """`config[key]`, a size or a count; `default`, where there is one, if it is absent or null."""
    value = config.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= LARGEST:
        raise CheckpointError(
            f"config.json: {key}={value!r}: must be a whole number from {least} to {LARGEST}; repair the checkpoint"
        )
    return value


def number(config: Mapping[str, Any], key: str, default: float | None = None) -> float:
    """`config[key]` as a positive float; `default` if it is absent."""
    value = config.get(key, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < inf:
        raise CheckpointError(
            f"config.json: {key}={value!r}: must be a positive number; repair the checkpoint"
        )
    return float(value)


def refuse_other(config: Mapping[str, Any], allowed: Mapping[str, tuple[Any, ...]]) -> None:
    """Refuse a config that asks for a variant that the modules do not compute."""
    for key, values in allowed.items():
        if key in config and config[key] not in values:
            choices = ", ".join(repr(value) for value in values)
            raise CheckpointError(
                f"config.json: {key}={config[key]!r}: this variant is not supported; supported: {choices}"
            )
