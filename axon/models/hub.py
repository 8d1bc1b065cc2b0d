"""A checkpoint on the Hugging Face hub -> its folder on this disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from axon.models.family import CheckpointError

# The files that can change a token; a README beside them cannot.
PATTERNS = (
    "config.json",
    "generation_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens*",
    "chat_template*",
)

OUTLINE = tuple(name for name in PATTERNS if name != "*.safetensors")  # all but the weights: a few megabytes


def is_hub_id(path: str) -> bool:
    """Whether `path`, known not to be a folder, may be meant as OWNER/NAME on the hub."""
    return path.count("/") == 1 and not path.startswith((".", "~", "/")) and not Path(path).parent.is_dir()


def download(hub_id: str, revision: str | None, patterns: Sequence[str] = PATTERNS) -> Path:
    """The folder of a hub id with the files of these names, downloaded unless the hub's cache on this disk has them.

    Raises CheckpointError, one line, if it can be neither found nor downloaded.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=list(patterns)))
    except Exception as error:  # the hub client raises many kinds: no network, no such model, no access
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(
            f"model.path={hub_id!r}: not on this disk and cannot be downloaded from the hub ({reason}); "
            "download it elsewhere and give model.path=FOLDER"
        ) from error
