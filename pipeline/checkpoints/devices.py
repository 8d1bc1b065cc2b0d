"""The GPUs that torch may use here. It is asked only where a driver is there: importing it takes seconds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from axon.models.description import Description
from axon.models.family import CheckpointError
from axon.models.size import size_of
from axon.row_memory import BYTES
from pipeline.inputs.config import ModelSettings

GIB = 2**30
# What the drivers of NVIDIA, of its Jetson boards, of AMD, and of WSL put into /dev.
DRIVERS = ("nvidia*", "nvhost*", "nvmap", "kfd", "dxg")


def has_gpu() -> bool:
    if not _worth_asking():
        return False
    import torch

    return torch.cuda.is_available()


def gpu_count() -> int:
    if not _worth_asking():
        return 0
    import torch

    return torch.cuda.device_count()


def device_of(model: ModelSettings, cores_only: bool = False) -> str:
    """`auto` is the GPU if there is one that this process may use, otherwise the CPU.

    `cores_only`: it may use none (cluster.gpus_per_worker=0), even where one is in sight. Ray hides the GPUs of others
    from a worker that has some of its own, but none from one that asked for none: all of those would share the first.
    """
    if model.device != "auto":
        return model.device
    return "cuda" if not cores_only and has_gpu() else "cpu"


def check_fits(model: ModelSettings, described: Description, memories: Sequence[int]) -> None:
    """The weights fit the first `model.gpus` of these GPUs, which have so many bytes each. Raises CheckpointError."""
    have = memories[: model.gpus]
    if len(have) < model.gpus:
        raise CheckpointError(
            f"model.gpus={model.gpus}: this process may use {len(have)}; give cluster.gpus_per_worker={model.gpus}, or "
            "lower it"
        )
    needed = size_of(described).parameters * BYTES[model.dtype]
    if needed > (room := model.gpus * min(have)):
        takes = f"its weights take {needed / GIB:,.1f} GiB in {model.dtype}"
        raise CheckpointError(
            f"model.gpus={model.gpus}: {takes}, and {model.gpus} x {min(have) / GIB:,.1f} GiB are here; give "
            f"model.gpus={-(-needed * model.gpus // room)} or more"
        )


def gpu_memories() -> list[int]:
    """Bytes of each GPU that this process may use."""
    import torch

    return [torch.cuda.get_device_properties(number).total_memory for number in range(gpu_count())]


def _worth_asking() -> bool:
    return "torch" in sys.modules or any(next(Path("/dev").glob(name), None) for name in DRIVERS)
