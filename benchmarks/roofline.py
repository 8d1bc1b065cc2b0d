"""How fast a device could be at best: its peak of arithmetic, and of reading the weights once a pass."""

from __future__ import annotations

from dataclasses import dataclass

from axon import MaskedDiffusionModel


@dataclass(frozen=True)
class Device:
    """Peaks of a device."""

    flops: float  # a second, dense, bfloat16
    bytes: float  # a second, of its memory


# NVIDIA's data sheets of H100 SXM and H200 SXM (dense: half of what is given with sparsity).
DEVICES = {"H100": Device(989e12, 3.35e12), "H200": Device(989e12, 4.8e12)}


def device_of(name: str) -> Device | None:
    """The peaks of a device by its name, None where they are not known here."""
    return next((peaks for known, peaks in DEVICES.items() if known in name), None)


def weight_bytes(model: MaskedDiffusionModel) -> int:
    """Bytes of the weights that a pass reads: all but the embedding, of which it looks up a few rows."""
    network = model.network
    embedding = network.get_submodule("model.embed_tokens").get_parameter("weight")
    read = sum(weight.numel() * weight.element_size() for weight in network.parameters())
    return read - embedding.numel() * embedding.element_size()


def least_seconds(flops: float, passes: int, read: int, device: Device) -> float:
    """The least time of so many passes that read `read` bytes each and need `flops` together.

    The longer of the two, as arithmetic and reading go on at once.
    """
    return max(flops / device.flops, passes * read / device.bytes)
