"""A checkpoint as the plan sees it: its folder, a hash of its content, and what its configs say.

A small checkpoint is loaded once, to see that it can be; of a large one the weights are only hashed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from axon import CheckpointError, load_model, load_tokenizer
from axon.models.description import Description, describe
from axon.models.hub import PATTERNS, download, is_hub_id
from axon.models.overrides import AS_THE_FILES_SAY, Overrides
from pipeline.config import ModelSettings
from pipeline.content import content_of, files_of
from pipeline.environment import REPOSITORY

SMALL = 256 * 2**20  # bytes of weights that load in a fraction of a second


@dataclass(frozen=True)
class Checkpoint:
    folder: Path
    content: str  # hash of its files: the model's identity, wherever the folder is
    described: Description
    tokenizer: PreTrainedTokenizerBase


def open_model(model: ModelSettings) -> Checkpoint:
    """The checkpoint that the settings name, with what they say in place of its files. Raises CheckpointError."""
    return open_checkpoint(model.path, model.revision, model.overrides)


@lru_cache(maxsize=8)
def open_checkpoint(path: str, revision: str | None, overrides: Overrides = AS_THE_FILES_SAY) -> Checkpoint:
    """Raises CheckpointError, one line, if there is no checkpoint that can be loaded."""
    folder = locate(path, revision)
    files = files_of(folder)
    described = describe(folder, overrides)
    tokenizer = load_tokenizer(folder)
    _check_tokens(path, tokenizer, described, overrides.mask_token_id)
    weights = [file for file in files if file.suffix == ".safetensors"]
    if sum(file.stat().st_size for file in weights) <= SMALL:
        load_model(folder, overrides=overrides)
    return Checkpoint(folder, content_of(files), described, tokenizer)


def _check_tokens(
    path: str, tokenizer: PreTrainedTokenizerBase, described: Description, given: int | None
) -> None:
    """The tokenizer belongs to the model: its tokens have embeddings, and its mask token is the model's."""
    mask, size = tokenizer.mask_token_id, described.vocab_size
    if len(tokenizer) > size:
        raise CheckpointError(
            f"model.path={path!r}: the tokenizer has {len(tokenizer)} tokens, the model {size}; give the two that "
            "belong together"
        )
    if given is None and mask is not None and mask != described.mask_token_id:
        raise CheckpointError(
            f"model.path={path!r}: config.json says mask_token_id={described.mask_token_id}, the tokenizer's mask "
            f"token is {mask}; repair one of them or give model.mask_token_id"
        )


def locate(path: str, revision: str | None, patterns: Sequence[str] = PATTERNS) -> Path:
    """The local folder of `path`, which is absolute, relative to the working directory or to this repository, or a hub
    id, of which files of these names are downloaded if necessary. Every machine of a cluster resolves it for itself.
    """
    for folder in (Path(os.path.expanduser(path)), REPOSITORY / path):
        if folder.is_dir():
            if revision is not None:
                raise CheckpointError(
                    f"model.revision={revision!r}: {path} is a folder, which has no revisions; leave it out"
                )
            return folder.resolve()
    if not is_hub_id(path) or (REPOSITORY / path).parent.is_dir():
        what = "is a file" if Path(path).is_file() else "no such folder"
        raise CheckpointError(f"model.path={path!r}: {what}; give a checkpoint folder or a hub id")
    return download(path, revision, patterns)


def device_of(model: ModelSettings, cores_only: bool = False) -> str:
    """`auto` is the GPU if there is one that this process may use, otherwise the CPU.

    `cores_only`: it may use none (cluster.gpus_per_worker=0), even where one is in sight. Ray hides the GPUs of others
    from a worker that has some of its own, but none from one that asked for none: all of those would share the first.
    """
    if model.device != "auto":
        return model.device
    return "cuda" if torch.cuda.is_available() and not cores_only else "cpu"
