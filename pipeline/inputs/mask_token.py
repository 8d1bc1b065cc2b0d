"""A mask token that the user gives although the model's files name another one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from axon import CheckpointError
from axon.models.description import describe
from pipeline.checkpoints.checkpoint import open_model
from pipeline.inputs.config import ModelSettings
from pipeline.planning.setting import Setting


class Opened(Protocol):
    """A checkpoint, with or without its weights."""

    @property
    def folder(self) -> Path: ...


def unlike_files(
    settings: Iterable[Setting], opened: Callable[[ModelSettings], Opened] = open_model
) -> list[str]:
    """A line for each model decoded from another mask token than its files say. Where they say none, or contradict each
    other, the user's is right."""
    lines: list[str] = []
    for model in dict.fromkeys(setting.model for setting in settings):
        given = model.mask_token_id
        if given is None:
            continue
        try:
            own = describe(opened(model).folder, replace(model.overrides, mask_token_id=None)).mask_token_id
        except CheckpointError:
            continue
        if own != given:
            lines.append(
                f"model.mask_token_id={given}: {model.path} names {own} as its mask token, and a model decodes "
                "nonsense from one that it wasn't trained with; leave it out, unless its files are wrong"
            )
    return lines
