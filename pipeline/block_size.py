"""Settings whose blocks have another length than those that their model was trained with."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.checkpoint import open_model
from pipeline.setting import Setting


def unlike_training(settings: Iterable[Setting]) -> list[str]:
    """A line for each model and block length that is not the model's own, for models that name theirs."""
    lines: dict[str, None] = {}
    for setting in settings:
        own = open_model(setting.model).described.block_size
        if own is not None and own != (asked := setting.decode.block_length):
            lines[
                f"block_length={asked}: {setting.model.path} was trained with blocks of {own}, so this is outside what "
                "it has learned; block_length=null takes its own"
            ] = None
    return list(lines)
