"""The files of a checkpoint folder: JSON, and which files hold its tensors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from axon.checks import shown
from axon.models.family import CheckpointError

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def check_path(path: object) -> None:
    """Raises CheckpointError for what no folder can be named by."""
    if not isinstance(path, str | os.PathLike):
        raise CheckpointError(f"path={shown(path)}: must be a text or a Path; give a checkpoint folder")


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """The object in a JSON file of the folder. Raises CheckpointError if there is none."""
    if not (folder / name).is_file():
        reason = f"has no {name}" if folder.is_dir() else "is not a folder"
        raise CheckpointError(f"model.path={str(folder)!r}: {reason}; give a checkpoint folder")
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"model.path={str(folder)!r}: {name} cannot be read ({error}); copy it again"
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"model.path={str(folder)!r}: {name} holds no JSON object; copy it again")
    return content


def listed(names: list[str], limit: int = 5) -> str:
    """The names for an error message, cut after `limit`."""
    return ", ".join(names[:limit]) + (f", and {len(names) - limit} more" if len(names) > limit else "")


def tensor_files(folder: Path) -> list[Path]:
    """The safetensors files: one, or the shards that the index names. Raises CheckpointError unless all are there."""
    names = [WHOLE]
    if (folder / INDEX).is_file():
        index = read_json(folder, INDEX).get("weight_map")
        if not isinstance(index, dict) or not all(_is_file_name(name) for name in index.values()):
            raise CheckpointError(
                f"model.path={str(folder)!r}: {INDEX} does not map tensors to files; copy it again"
            )
        names = sorted(set(index.values()))
        if WHOLE not in names and (folder / WHOLE).is_file():  # transformers would read this one alone
            raise CheckpointError(
                f"model.path={str(folder)!r}: holds {WHOLE} beside the shards of {INDEX}, and which of them are the "
                "model's is not said; remove the others"
            )
    missing = [name for name in names if not (folder / name).is_file()]
    pickled = sorted(file.name for pattern in PICKLED for file in folder.glob(pattern))
    if missing and pickled:
        raise CheckpointError(
            f"model.path={str(folder)!r}: holds pickled weights ({listed(pickled)}), which may run code and are "
            "not read; convert them to safetensors"
        )
    if missing:
        raise CheckpointError(
            f"model.path={str(folder)!r}: lacks {listed(missing)}; copy the checkpoint again"
        )
    return [folder / name for name in names]


def _is_file_name(name: object) -> bool:
    """Whether it is a plain file name, which cannot lead out of its folder."""
    return isinstance(name, str) and Path(name).name == name
