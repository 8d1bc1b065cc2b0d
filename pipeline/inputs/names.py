"""Checks of the names and places that a user gives as text. Each raises ValueError: rule; remedy."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[\w.-]+):(?P<port>\d{1,5})")
# Ray Tune runs only in a process that has a Ray node beside it.
CLIENT = (
    "is for Ray's client, through which a sweep can't be driven; give HOST:PORT on a machine of the cluster, "
    "or submit a job (deploy/README.md)"
)


def folder_name(text: str) -> str:
    """The name of a single folder: no path that could lead elsewhere."""
    if not re.fullmatch(r"\w[\w .,+-]{0,99}", text):
        raise ValueError(
            "must be the name of one folder; write up to 100 letters, digits, spaces and . , + - _, a letter first"
        )
    return text


def local_folder(text: str) -> str:
    """A folder of this machine, with `~` expanded."""
    if not text.strip():
        raise ValueError("must name a folder; give one, such as outputs")
    if "://" in text:
        raise ValueError(
            "must be a folder of this machine; only the results can be elsewhere, with store=..."
        )
    if single := re.match(r"([a-z]\w+):/", text):
        raise ValueError(f"looks like an address that lacks a slash; write {single[1]}://...")
    return str(expanded(text))


def expanded(text: str | PathLike[str]) -> Path:
    """A path with `~` written out."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~someone
        raise ValueError("there is no such user here; write the full path") from None


def store_root(text: str) -> str:
    """A folder of this machine, or an address that fsspec opens and that outlives this process."""
    if "://" not in text:
        return local_folder(text)
    if text.startswith("memory://"):
        raise ValueError("is the memory of one process and ends with it; choose a folder")
    if not re.match(r"[a-z][\w+.:-]*://.", text):
        raise ValueError("must be a folder or PROTOCOL://PLACE; write it as in s3://BUCKET/PATH")
    return text


def project_name(text: str) -> str:
    """A project name that W&B accepts."""
    if not text.strip() or len(text) > 128 or set(text) & set("/\\#?%:"):
        raise ValueError("must be 1 to 128 characters without / \\ # ? % : for W&B; choose such a name")
    return text


def address(text: str) -> str:
    """The address of a Ray cluster."""
    if text.startswith("ray://"):
        raise ValueError(CLIENT)
    if text != "auto" and not ADDRESS.fullmatch(text):
        raise ValueError("must be auto or HOST:PORT; give one, or choose cluster=local")
    return text
