"""Whether a checkpoint can be loaded: its tokenizer belongs to it, and its weights are what its config says.

A small checkpoint is loaded once to see it, which imports torch; that is remembered by the hash of its content. Of a
large one the worker that loads it will tell.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import axon.models
from axon.models.family import CheckpointError
from pipeline.checkpoints.checkpoint import Checkpoint, open_model
from pipeline.checkpoints.content import files_of
from pipeline.checkpoints.kept import keep, known
from pipeline.importing import importing_models
from pipeline.inputs.config import ModelSettings

SMALL = 256 * 2**20  # bytes of weights that load in a fraction of a second
LOADED = "loaded"  # what is remembered
MOST = 500  # entries, the oldest of which give way
BROUGHT = ("torch", "transformers", "safetensors")  # what loads it, beside axon.models


def check_loads(model: ModelSettings) -> None:
    """Raises CheckpointError, one line, if the model can't be loaded."""
    checkpoint = open_model(model)
    _check_tokens(model, checkpoint)
    weights = [file for file in files_of(checkpoint.folder) if file.suffix == ".safetensors"]
    if sum(file.stat().st_size for file in weights) > SMALL:
        return
    entries, mark = known(LOADED), _mark(checkpoint, model)
    if mark in entries:
        return
    with importing_models():
        from axon import load_model

    load_model(checkpoint.folder, overrides=model.overrides)
    keep(LOADED, dict([*entries.items(), (mark, model.path)][-MOST:]))


def _mark(checkpoint: Checkpoint, model: ModelSettings) -> str:
    """Of the content, of what is said in its place, and of the code that loads it."""
    loads = [checkpoint.content, repr(model.overrides), _code(), *map(version, BROUGHT)]
    return hashlib.sha256("\n".join(loads).encode()).hexdigest()


@cache
def _code() -> str:
    digest = hashlib.sha256()
    for file in sorted(Path(str(axon.models.__file__)).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _check_tokens(model: ModelSettings, checkpoint: Checkpoint) -> None:
    """The tokenizer belongs to the model: its tokens have embeddings, and its mask token is the model's."""
    tokenizer, described = checkpoint.tokenizer, checkpoint.described
    mask, size = tokenizer.mask_token_id, described.vocab_size
    if len(tokenizer) > size:
        raise CheckpointError(
            f"model.path={model.path!r}: the tokenizer has {len(tokenizer)} tokens, the model {size}; give the two "
            "that belong together"
        )
    if model.mask_token_id is None and mask is not None and mask != described.mask_token_id:
        raise CheckpointError(
            f"model.path={model.path!r}: config.json says mask_token_id={described.mask_token_id}, the tokenizer's "
            f"mask token is {mask}; repair one of them or give model.mask_token_id"
        )
