"""The GPUs that torch may use here. It is asked only where a driver is there: importing it takes seconds."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.inputs.config import ModelSettings

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


def _worth_asking() -> bool:
    return "torch" in sys.modules or any(next(Path("/dev").glob(name), None) for name in DRIVERS)
