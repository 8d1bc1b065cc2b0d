"""What a model family is: how its config reads, how its tensors are named, and how it predicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase


class CheckpointError(ValueError):
    """A checkpoint that cannot be used: one line with the value, the rule and the remedy."""


@dataclass(frozen=True)
class Family:
    """A checkpoint format and the transformers modules it loads into."""

    name: str
    network: type[PreTrainedModel]
    read_config: Callable[[Mapping[str, Any]], PretrainedConfig]  # raises CheckpointError
    rename: Callable[[str], str]  # the checkpoint's tensor name -> transformers' name
    version: int = (
        1  # raised when a change here can change a token: stored results of the family are then another's
    )
    shift: int = 0  # position i is predicted from the hidden state at i - shift
    block_causal: bool = False  # a block sees the prompt and the blocks up to itself
    tokenizer: type[PreTrainedTokenizerBase] | None = (
        None  # for releases with vocab.json and merges.txt alone
    )


def require(config: Mapping[str, Any], key: str, kind: type) -> Any:
    """`config[key]`, of type `kind`."""
    value = config.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise CheckpointError(
            f"config.json: {key}={value!r}: must be given, as {kind.__name__}; repair the checkpoint"
        )
    return value


def number(config: Mapping[str, Any], key: str, default: float | None = None) -> float:
    """`config[key]` as a positive float; `default` where it is absent."""
    value = config.get(key, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        raise CheckpointError(
            f"config.json: {key}={value!r}: must be a positive number; repair the checkpoint"
        )
    return float(value)


def refuse_other(config: Mapping[str, Any], allowed: Mapping[str, tuple[Any, ...]]) -> None:
    """Refuse a config that asks for a variant the modules do not compute."""
    for key, values in allowed.items():
        if key in config and config[key] not in values:
            choices = ", ".join(repr(value) for value in values)
            raise CheckpointError(
                f"config.json: {key}={config[key]!r}: this variant is not supported; supported: {choices}"
            )
