"""oneDNN's product as if it were there, sooner, and rounded as torch's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import Tensor
from torch.nn.functional import linear

from axon.models import product


def stand_in(monkeypatch: pytest.MonkeyPatch, told: Callable[[Tensor, Tensor], int]) -> list[int]:
    """What is told of the states and the weight of each product, as they are asked for."""
    found: list[int] = []

    def one_dnn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        found.append(told(x, weight))
        return linear(x, weight, bias)

    monkeypatch.setattr(product, "_HERE", True)
    monkeypatch.setattr(product, "sooner", lambda: True)
    monkeypatch.setattr(product, "equal", lambda *_: True)
    monkeypatch.setattr(product, "one_dnn", one_dnn)
    return found
