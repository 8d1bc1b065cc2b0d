"""The tensors of a checkpoint folder, in one safetensors file or in shards with an index."""

from __future__ import annotations

from collections.abc import KeysView
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from axon.models.family import CheckpointError
from axon.models.folder import listed, tensor_files

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
                own = dict.fromkeys(file.keys(), (path, file))
            except (SafetensorError, OSError) as error:
                self._opened.close()
                raise self._unreadable(path, error) from error
            if twice := sorted(own.keys() & self._files.keys()):
                self._opened.close()
                raise CheckpointError(
                    f"model.path={str(self._folder)!r}: {listed(twice)}: in {self._files[twice[0]][0].name} and in "
                    f"{path.name}, and which is the model's is not said; copy the checkpoint again"
                )
            self._files |= own
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
