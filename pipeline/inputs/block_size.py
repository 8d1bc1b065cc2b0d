"""Settings whose blocks are others than those that their model was trained with: in length, or in where they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from axon.models.description import Description
from pipeline.checkpoints.checkpoint import open_model
from pipeline.inputs.config import ModelSettings
from pipeline.planning.setting import Setting


class Described(Protocol):
    """A checkpoint, with or without its weights."""

    @property
    def described(self) -> Description: ...


def unlike_training(
    settings: Iterable[Setting], opened: Callable[[ModelSettings], Described] = open_model
) -> list[str]:
    """A line for each model and block length that is not the model's own, for models that name theirs, and for each
    block-causal model whose blocks begin after the prompt."""
    lines: dict[str, None] = {}
    for setting in settings:
        described, name = opened(setting.model).described, setting.model.path
        own, asked = described.block_size, setting.decode.block_length
        if own is not None and own != asked:
            lines[
                f"block_length={asked}: {name} was trained with blocks of {own}, so this is outside what it has "
                "learned; block_length=null takes its own"
            ] = None
        if described.family.block_causal and setting.decode.block_alignment == "prompt":
            lines[
                f"block_alignment=prompt: {name} was trained with blocks at multiples of their length, prompt "
                "included; block_alignment=absolute decodes so, prompt repeats AXON's release"
            ] = None
    return list(lines)
