"""Names and places that a user gives as text, and their forms. Each function raises ValueError: rule; remedy."""

from __future__ import annotations

import re
from pathlib import Path

ADDRESS = re.compile(r"(?:ray://)?(?P<host>\[[0-9a-fA-F:]+\]|[\w.-]+):(?P<port>\d{1,5})")


def folder_name(text: str) -> str:
    """One folder's name, which can't lead out of the folder it is put into."""
    if not re.fullmatch(r"\w[\w .,+-]{0,99}", text):
        raise ValueError(
            "must be the name of one folder; write up to 100 letters, digits, spaces and . , + - _, a letter first"
        )
    return text


def local_folder(text: str) -> str:
    """A folder of this machine, `~` written out."""
    if not text.strip():
        raise ValueError("must name a folder; give one, such as outputs")
    if "://" in text:
        raise ValueError(
            "must be a folder of this machine; what may lie elsewhere are the results, store=..."
        )
    if single := re.match(r"([a-z]\w+):/", text):
        raise ValueError(f"looks like an address with a slash too few; write {single[1]}://...")
    try:
        return str(Path(text).expanduser())
    except RuntimeError:  # ~someone
        raise ValueError("there is no such user here; write the folder out") from None


def store_root(text: str) -> str:
    """A folder of this machine or an address that fsspec opens, and that outlives this process."""
    if "://" not in text:
        return local_folder(text)
    if text.startswith("memory://"):
        raise ValueError("is the memory of one process and ends with it; choose a folder")
    if not re.match(r"[a-z][\w+.:-]*://.", text):
        raise ValueError("must be a folder or PROTOCOL://PLACE; write it such as s3://BUCKET/PATH")
    return text


def project_name(text: str) -> str:
    """What W&B takes for the name of a project."""
    if not text.strip() or len(text) > 128 or set(text) & set("/\\#?%:"):
        raise ValueError("must be 1 to 128 characters without / \\ # ? % : for W&B; choose such a name")
    return text


def address(text: str) -> str:
    """Where a Ray cluster answers."""
    if text != "auto" and not ADDRESS.fullmatch(text):
        raise ValueError("must be auto, HOST:PORT or ray://HOST:PORT; give one, or choose cluster=local")
    return text
