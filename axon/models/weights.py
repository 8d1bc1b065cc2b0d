"""The tensors of a checkpoint folder: safetensors, one file or sharded with an index, read and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from axon.models.family import CheckpointError, Family

STORED = ("F64", "F32", "F16", "BF16")  # what weights may be stored in; others need scales to mean anything
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
LFS = b"version https://git-lfs"


def read_tensors(
    folder: Path, family: Family, expected: Mapping[str, torch.Size], dtype: torch.dtype, device: torch.device
) -> dict[str, Tensor]:
    """Tensors under transformers' names, exactly those expected, every number of them finite in `dtype`.

    A tensor's shape and type are looked at before its numbers are read.
    """
    tensors: dict[str, Tensor] = {}
    problems: dict[str, list[str]] = {
        kind: [] for kind in ("missing", "surplus", "wrongly shaped", "quantized", "NaN or infinite")
    }
    seen: set[str] = set()
    for file in _files(folder):
        try:
            with safe_open(str(file), framework="pt", device=str(device)) as content:
                for name in content.keys():  # noqa: SIM118 - no mapping, only keys()
                    new, kept = family.rename(name), content.get_slice(name)
                    seen.add(new)
                    if new not in expected:
                        problems["surplus"].append(name)
                    elif tuple(kept.get_shape()) != tuple(expected[new]):
                        shapes = f"{list(kept.get_shape())} instead of {list(expected[new])}"
                        problems["wrongly shaped"].append(f"{name} {shapes}")
                    elif kept.get_dtype() not in STORED:
                        problems["quantized"].append(f"{name} {kept.get_dtype()}")
                    else:
                        tensors[new] = content.get_tensor(name).to(dtype)
                        if not _is_finite(tensors[new]):
                            problems["NaN or infinite"].append(
                                f"{name} in {str(dtype).removeprefix('torch.')}"
                            )
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"model.path={str(folder)!r}: {_unread(file, error)}") from error
    problems["missing"] = sorted(set(expected) - seen)
    found = [f"{len(names)} {kind} tensors ({_listed(names)})" for kind, names in problems.items() if names]
    if found:
        remedy = "the checkpoint must fit its config.json exactly"
        if problems["NaN or infinite"] and len(found) == 1:
            remedy = "copy the checkpoint again, or choose another model.dtype"
        raise CheckpointError(f"model.path={str(folder)!r}: {'; '.join(found)}; {remedy}")
    return tensors


def _files(folder: Path) -> list[Path]:
    """The safetensors files: one, or the shards that the index names."""
    names = ["model.safetensors"]
    if (folder / "model.safetensors.index.json").is_file():
        index = read_json(folder, "model.safetensors.index.json").get("weight_map")
        if not isinstance(index, dict) or not all(_is_name(name) for name in index.values()):
            raise CheckpointError(
                f"model.path={str(folder)!r}: model.safetensors.index.json maps no tensors to files; copy it again"
            )
        names = sorted(set(index.values()))
    missing = [name for name in names if not (folder / name).is_file()]
    pickled = sorted(file.name for pattern in PICKLED for file in folder.glob(pattern))
    if missing and pickled:
        raise CheckpointError(
            f"model.path={str(folder)!r}: holds pickled weights ({_listed(pickled)}), which may run code and are not "
            "read; convert them to safetensors"
        )
    if missing:
        raise CheckpointError(
            f"model.path={str(folder)!r}: lacks {_listed(missing)}; copy the checkpoint again"
        )
    return [folder / name for name in names]


def _is_name(name: object) -> bool:
    """Whether it is a file's name that can't lead out of its folder."""
    return isinstance(name, str) and Path(name).name == name


def _is_finite(tensor: Tensor) -> bool:
    """Whether no number is NaN or infinite, in one reading and without a copy: both show in the least and the most."""
    return not tensor.numel() or bool(torch.stack(torch.aminmax(tensor)).isfinite().all())


def _unread(file: Path, error: Exception) -> str:
    with file.open("rb") as stream:
        if stream.read(len(LFS)) == LFS:
            return f"{file.name} is a Git LFS pointer in place of the weights; run `git lfs pull` there"
    return f"{file.name} cannot be read ({error}); copy the checkpoint again"


def _listed(names: list[str], limit: int = 5) -> str:
    return ", ".join(names[:limit]) + (f", and {len(names) - limit} more" if len(names) > limit else "")


def read_json(folder: Path, name: str) -> dict[str, Any]:
    if not (folder / name).is_file():
        reason = f"has no {name}" if folder.is_dir() else "is no folder"
        raise CheckpointError(f"model.path={str(folder)!r}: {reason}; give a checkpoint folder")
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"model.path={str(folder)!r}: {name} cannot be read ({error}); copy it again"
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"model.path={str(folder)!r}: {name} holds no object; copy it again")
    return content
