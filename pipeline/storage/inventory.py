"""What a store holds by itself, whichever runs asked for it: settings, and how many examples of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import fsspec

from pipeline.errors import reason
from pipeline.storage.listing import READERS, list_slices

SUFFIX = ".json"


@dataclass(frozen=True)
class Inventory:
    """Of the settings that have any results. `unread`: a line for each whose identity can't be read."""

    identities: Mapping[str, Mapping[str, Any]]  # by id
    examples: Mapping[str, int]  # id -> the place after the last example that is stored
    unread: tuple[str, ...]


def is_filed(root: str, setting_id: str) -> bool:
    """Whether the store at this address has the setting's identity. Raises whatever the service's client raises."""
    fs, base = fsspec.core.url_to_fs(root)
    try:
        return bool(fs.cat_file(f"{base}/settings/{setting_id}{SUFFIX}"))
    except (FileNotFoundError, NotADirectoryError):
        return False


def read_inventory(root: str) -> Inventory:
    """Of the store at this address; empty where there is none. Raises whatever the service's client raises."""
    fs, base = fsspec.core.url_to_fs(root)
    folder = f"{base}/settings"
    try:
        names = [path.rpartition("/")[2] for path in fs.ls(folder, detail=False)]
    except (FileNotFoundError, NotADirectoryError):
        names = []
    ids = sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
    slices = list_slices(fs, f"{base}/slices", ids)
    examples = {sid: max(stop for _, stop in own) for sid, own in slices.items() if own}

    def read(sid: str) -> Mapping[str, Any] | str:
        path = f"{folder}/{sid}{SUFFIX}"
        try:
            found = json.loads(fs.cat_file(path))
        except (OSError, ValueError) as error:
            return (
                f"{path}: unreadable ({reason(error)}); the command that decoded the setting writes it again"
            )
        return found if isinstance(found, dict) else f"{path}: holds no setting"

    with ThreadPoolExecutor(READERS) as pool:
        read_ones = dict(zip(examples, pool.map(read, examples), strict=True))
    identities = {sid: own for sid, own in read_ones.items() if not isinstance(own, str)}
    unread = tuple(own for own in read_ones.values() if isinstance(own, str))
    return Inventory(identities, {sid: examples[sid] for sid in identities}, unread)
