"""What the user says in place of what a checkpoint's files do not say, or say wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from axon.python_values import PythonValues

Attention = Literal["bidirectional", "block_causal"]


@dataclass(frozen=True)
class Overrides(metaclass=PythonValues):
    """None, or empty: as the files say. Checked against the checkpoint where that is described or loaded."""

    # In place of the one that config.json, the tokenizer or the family says.
    mask_token_id: int | None = None
    # Numbers or texts of the tokens that end a text, in place of those that the files name.
    end_tokens: tuple[int | str, ...] | None = None
    # For a format in which both are trained and no key tells them apart.
    attention: Attention | None = None
    # The block length that it was trained with, in place of what config.json or the family says.
    block_size: int | None = None
    # Keys of config.json that are unknown here and, as the user knows, change nothing.
    inert_keys: tuple[str, ...] = ()


AS_THE_FILES_SAY = Overrides()
