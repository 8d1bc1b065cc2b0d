"""A checkpoint before its weights are read, or are even there: what its config and tokenizer say.

Of a hub id only these small files are downloaded. A model's identity is a hash of its files, so the store can be asked
about a setting only where the weights are here, and few or hashed before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from axon import CheckpointError, Overrides
from axon.models.description import Description, describe
from axon.models.folder import tensor_files
from axon.models.hub import OUTLINE
from pipeline.checkpoints.checkpoint import check_family, locate
from pipeline.checkpoints.content import content_of, files_of, is_quick
from pipeline.inputs.config import ModelSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Outline:
    folder: Path
    described: Description
    content: (
        str  # hash of the checkpoint; empty where the weights aren't there, or would have to be read for it
    )

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """None if its files aren't there."""
        from axon import load_tokenizer  # transformers

        try:
            return load_tokenizer(self.folder)
        except CheckpointError:
            return None

    @property
    def identified(self) -> bool:
        """Whether settings of this model have the ids under which the store keeps them."""
        return bool(self.content)


def open_outline(model: ModelSettings) -> Outline:
    """Raises CheckpointError, one line, if there is no config that can be read, or it is of another family."""
    outline = _outline(model.path, model.revision, model.overrides)
    check_family(model, outline.described)
    return outline


@lru_cache(maxsize=8)
def _outline(path: str, revision: str | None, overrides: Overrides) -> Outline:
    folder = locate(path, revision, OUTLINE)
    described = describe(folder, overrides)
    files = files_of(folder)
    content = content_of(files) if _whole(folder) and is_quick(files) else ""
    return Outline(folder, described, content)


def _whole(folder: Path) -> bool:
    """Whether all the weights are there."""
    try:
        tensor_files(folder)
    except CheckpointError:
        return False
    return True
