"""The files of a checkpoint folder: JSON, and safetensors in one file or in shards with an index."""

from __future__ import annotations

import json
from collections.abc import KeysView
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from axon.models.family import CheckpointError

INDEX = "model.safetensors.index.json"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
LFS = b"version https://git-lfs"


class StoredTensors:
    """The tensors of a folder by name, from whichever shard holds them; numbers are read only by `read`.

    Use it as a context manager. Opening and reading raise CheckpointError, one line, if a file is missing or broken.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        self._folder = folder
        self._device = device
        self._files: dict[str, tuple[Path, Any]] = {}  # by tensor: its file, open
        self._opened = ExitStack()

    def __enter__(self) -> StoredTensors:
        for path in tensor_files(self._folder):
            try:
                file = self._opened.enter_context(
                    safe_open(str(path), framework="pt", device=str(self._device))
                )
                self._files |= dict.fromkeys(file.keys(), (path, file))
            except (SafetensorError, OSError) as error:
                self._opened.close()
                raise self._unreadable(path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    @property
    def names(self) -> KeysView[str]:
        return self._files.keys()

    def shape(self, name: str) -> torch.Size:
        return torch.Size(self._files[name][1].get_slice(name).get_shape())

    def stored_dtype(self, name: str) -> str:
        """As safetensors calls it, such as BF16."""
        return str(self._files[name][1].get_slice(name).get_dtype())

    def read(self, name: str) -> Tensor:
        path, file = self._files[name]
        try:
            tensor: Tensor = file.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise self._unreadable(path, error) from error
        return tensor

    def _unreadable(self, path: Path, error: Exception) -> CheckpointError:
        with path.open("rb") as stream:
            is_pointer = stream.read(len(LFS)) == LFS
        reason = (
            f"{path.name} is a Git LFS pointer in place of the weights; run `git lfs pull` there"
            if is_pointer
            else f"{path.name} cannot be read ({error}); copy the checkpoint again"
        )
        return CheckpointError(f"model.path={str(self._folder)!r}: {reason}")


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
    names = ["model.safetensors"]
    if (folder / INDEX).is_file():
        index = read_json(folder, INDEX).get("weight_map")
        if not isinstance(index, dict) or not all(_is_file_name(name) for name in index.values()):
            raise CheckpointError(
                f"model.path={str(folder)!r}: {INDEX} does not map tensors to files; copy it again"
            )
        names = sorted(set(index.values()))
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
