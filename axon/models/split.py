"""A network over several devices: a stretch of its layers on each, passed one after the other.

The first device is home: there are the embedding, the final norm, lm_head, everything that is decoded, and what a cache
or a capture keeps. Layers elsewhere have keys and values sent there and back, which costs time and changes no number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from axon.attention import Capture
from axon.key_values import Exchange

LAYER = re.compile(r"model\.layers\.(\d+)\.")


def shares(outside: int, layers: Sequence[int], count: int) -> list[int]:
    """The number of each layer's device, from 0, never falling.

    `layers`: their sizes; `outside`: that of what is at home beside them. Of what lies before it and half of itself, a
    layer goes to the device whose equal share of all ends there: no device has more than its share and one layer, but
    home where `outside` alone is more.
    """
    total, before, found = outside + sum(layers), outside, []
    for size in layers:
        found.append(min(count - 1, (2 * before + size) * count // (2 * total)))
        before += size
    return found


def away(expected: Mapping[str, torch.Size], devices: Sequence[torch.device]) -> dict[str, torch.device]:
    """The tensors that are not at home, `devices[0]`, by name, and where each of them goes."""
    sizes: dict[int, int] = {}
    outside = 0
    for name, shape in expected.items():
        if found := LAYER.match(name):
            sizes[int(found[1])] = sizes.get(int(found[1]), 0) + shape.numel()
        else:
            outside += shape.numel()
    numbers = shares(outside, [sizes[layer] for layer in sorted(sizes)], len(devices))
    return {
        name: devices[numbers[int(found[1])]]
        for name in expected
        if (found := LAYER.match(name)) and numbers[int(found[1])]
    }


@dataclass(frozen=True)
class SentCapture:
    """A capture as a layer meets it that is elsewhere."""

    capture: Capture
    mask: Tensor | None  # the one at home

    @property
    def layers(self) -> frozenset[int]:
        """See `Capture`."""
        return self.capture.layers

    def keep(self, query_BHWD: Tensor, key_BHWD: Tensor, mask: Tensor | None, scaling: float) -> None:
        """See `Capture`."""
        home = self.capture.real_BW.device
        self.capture.keep(query_BHWD.to(home), key_BHWD.to(home), self.mask, scaling)


@dataclass(frozen=True)
class SentColumns:
    """An exchange as a layer meets it that is elsewhere."""

    columns: Exchange
    home: torch.device

    def exchange(self, layer: int, key_RGQA: Tensor, value_RGQA: Tensor) -> tuple[Tensor, Tensor]:
        """See `Exchange`."""
        here = key_RGQA.device
        seen = self.columns.exchange(layer, key_RGQA.to(self.home), value_RGQA.to(self.home))
        return seen[0].to(here), seen[1].to(here)
