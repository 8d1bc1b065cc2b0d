"""A checkpoint as the plan sees it: its folder, a hash of its content, and what its configs say.

Weights are only hashed, and torch is not imported. That they can be loaded is seen in loadable.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axon import CheckpointError
from axon.models.description import Description, describe
from axon.models.hub import PATTERNS, download, is_hub_id, meant_id
from axon.models.overrides import AS_THE_FILES_SAY, Overrides
from pipeline.checkpoints.content import content_of, files_of
from pipeline.environment import REPOSITORY
from pipeline.errors import reason
from pipeline.importing import importing
from pipeline.inputs.config import ModelSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ADAPTER = "adapter_model.safetensors"  # huggingface/peft:src/peft/utils/constants.py


@dataclass(frozen=True)
class Checkpoint:
    folder: Path
    content: str  # hash of its files: the model's identity, wherever the folder is
    described: Description

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Read when it is first asked for. Raises CheckpointError if there is none or it is broken."""
        with importing():  # transformers
            from axon import load_tokenizer

        return load_tokenizer(self.folder)


def open_model(model: ModelSettings) -> Checkpoint:
    """The checkpoint that the settings name, with what they say in place of its files.

    Raises CheckpointError, also where it is of another family than the one that the settings' values are for.
    """
    checkpoint = open_checkpoint(model.path, model.revision, model.overrides)
    check_family(model, checkpoint.described)
    return checkpoint


def check_family(model: ModelSettings, described: Description) -> None:
    """Raises CheckpointError for a checkpoint of another family than the settings' other values are for."""
    found = described.family.name
    if model.family not in (None, found):
        raise CheckpointError(
            f"model.path={model.path!r}: a checkpoint of {found}, but the chosen model has the values of "
            f"{model.family}; choose a model of {found} or model=checkpoint (--help), or add model.family={found}"
        )


@lru_cache(maxsize=8)
def open_checkpoint(path: str, revision: str | None, overrides: Overrides = AS_THE_FILES_SAY) -> Checkpoint:
    """Raises CheckpointError, one line, if there is no checkpoint whose config is understood."""
    folder = locate(path, revision)
    files = files_of(folder)
    if [file.name for file in files if file.suffix == ".safetensors"] == [ADAPTER]:
        raise CheckpointError(
            f"model.path={path!r}: holds an adapter ({ADAPTER}), not a model; merge it into the model that it was made "
            "for (peft's merge_and_unload), and give that folder"
        )
    described = describe(folder, overrides)
    try:
        return Checkpoint(folder, content_of(files), described)
    except OSError as error:
        name = Path(error.filename or folder).name
        raise CheckpointError(
            f"model.path={path!r}: {name} cannot be read ({reason(error)}); copy it again"
        ) from None


@lru_cache(maxsize=64)
def says_itself(folder: Path, overrides: Overrides, key: str) -> bool:
    """Whether the checkpoint's files say what the override of that name says in their place."""
    without: Any = {key: None}
    try:
        return describe(folder, replace(overrides, **without)) == describe(folder, overrides)
    except CheckpointError:  # they don't say it, or contradict each other
        return False


def locate(path: str, revision: str | None, patterns: Sequence[str] = PATTERNS, cached: bool = False) -> Path:
    """The local folder of `path`, which is absolute, relative to the working directory or to this repository, or a hub
    id, of which files of these names are downloaded if necessary, unless only `cached` ones are asked for. Every
    machine of a cluster resolves it for itself.
    """
    if folder := _local(path):
        if revision is not None:
            raise CheckpointError(
                f"model.revision={revision!r}: {path} is a folder, which has no revisions; leave it out"
            )
        return folder
    if not is_hub_id(path) or os.path.isdir((REPOSITORY / path).parent):
        what = "is a file" if os.path.isfile(path) else "no such folder"
        such = f", such as {meant}" if (meant := meant_id(path)) else ""
        raise CheckpointError(f"model.path={path!r}: {what}; give a checkpoint folder or a hub id{such}")
    return download(path, revision, patterns, cached)


def one_spelling(path: str) -> str:
    """The same of every path by which `locate` finds one folder, wherever this repository is; of a hub id, itself."""
    folder = _local(path)
    if folder is None:
        return path.rstrip("/")
    return str(folder.relative_to(REPOSITORY) if folder.is_relative_to(REPOSITORY) else folder)


def _local(path: str) -> Path | None:
    for folder in (Path(os.path.expanduser(path)), REPOSITORY / path):
        if os.path.isdir(folder):  # unlike Path's, False for a name that no file can have
            return folder.resolve()
    return None
