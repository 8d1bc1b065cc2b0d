"""A checkpoint on the Hugging Face hub -> its folder on this disk."""

from __future__ import annotations

import os
import re
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
    return (
        path.count("/") == 1 and not path.startswith((".", "~", "/")) and not os.path.isdir(Path(path).parent)
    )


def meant_id(path: str) -> str | None:
    """The id that may be meant by the address of a model's page, or by an id with a slash too many; None if neither."""
    page = r"(?:https?://)?[\w-]+(?:\.[\w-]+)+/([\w.-]+/[\w.-]+)(?:/|/(?:tree|blob|resolve)/.*)?(?:[?#].*)?"
    if found := re.fullmatch(page, path):
        return found[1]
    bare = path.rstrip("/")
    return bare if bare != path and is_hub_id(bare) else None


def download(
    hub_id: str, revision: str | None, patterns: Sequence[str] = PATTERNS, cached: bool = False
) -> Path:
    """The folder of a hub id with the files of these names, downloaded unless the hub's cache on this disk has them.

    `cached`: as the cache has them, without a network. Raises CheckpointError, one line, if it can be neither found
    nor downloaded.
    """
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            hub_id, revision=revision, allow_patterns=list(patterns), local_files_only=cached
        )
        return Path(found)
    except Exception as error:  # the hub client raises many kinds: no network, no such model, no access
        reason, remedy = refusal(error)
        raise CheckpointError(
            f"model.path={hub_id!r}: not on this disk and cannot be downloaded from the hub ({reason}); "
            f"{remedy}download it elsewhere and give model.path=FOLDER"
        ) from error


def refusal(error: BaseException) -> tuple[str, str]:
    """Why something can't be had from the hub, in a few words, and the beginning of a remedy: "do this, or "."""
    from huggingface_hub import errors

    causes = [error]
    while (cause := causes[-1].__cause__) is not None:  # the first one says what went wrong
        causes.append(cause)
    text = (str(causes[-1]).strip() or type(causes[-1]).__name__).splitlines()[0][:200]

    def is_one(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if (
        is_one(errors.GatedRepoError) or "is a gated dataset" in text
    ):  # the datasets library says so in words alone
        return "it is gated", "accept its licence on its page and set HF_TOKEN, or "
    if is_one(errors.RevisionNotFoundError):
        return "it has no such revision", "name a branch, tag or commit that it has, or "
    if is_one(errors.RepositoryNotFoundError):
        access = "correct the name, or set HF_TOKEN to a token with access to it, or "
        return "there is none of that name, or it is private", access
    broken = (
        "RemoteProtocolError",
        "ReadError",
        "ReadTimeout",
    )  # of the HTTP client that huggingface_hub brings
    return text, "try again, or " if any(type(cause).__name__ in broken for cause in causes) else ""
