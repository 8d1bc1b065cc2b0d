"""A checkpoint before its weights are read, or are even there: what its config and tokenizer say.

Of a hub id only these small files are downloaded. A model's identity is a hash of its weights, so the store can be
asked about a setting only where that hash is quickly found.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from axon import CheckpointError, load_tokenizer
from axon.models.checkpoint import Description, describe
from axon.models.hub import OUTLINE
from pipeline.checkpoint import SMALL, locate, open_model, overrides
from pipeline.config import ModelSettings


@dataclass(frozen=True)
class Outline:
    folder: Path
    described: Description
    tokenizer: PreTrainedTokenizerBase | None  # None: its files aren't there
    weights: int  # bytes of safetensors in the folder; 0 if there are none
    content: str  # hash of the checkpoint; empty where the weights aren't there or are too many to be hashed for a plan

    @property
    def identified(self) -> bool:
        """Whether settings of this model have the ids under which the store keeps them."""
        return bool(self.content)


def open_outline(model: ModelSettings) -> Outline:
    """Raises CheckpointError, one line, if there is no config that can be read."""
    outline = _outline(model.path, model.revision, **overrides(model))
    if not 0 < outline.weights <= SMALL:
        return outline
    whole = open_model(model)  # as small as that, it is quickly hashed
    return Outline(whole.folder, whole.described, whole.tokenizer, outline.weights, whole.content)


@lru_cache(maxsize=8)
def _outline(path: str, revision: str | None, **overridden: Any) -> Outline:
    folder = locate(path, revision, OUTLINE)
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return Outline(folder, describe(folder, **overridden), _tokenizer(folder), weights, "")


def _tokenizer(folder: Path) -> PreTrainedTokenizerBase | None:
    try:
        return load_tokenizer(folder)
    except CheckpointError:
        return None
