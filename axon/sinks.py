"""Attention sinks: columns that nearly every position attends to, whatever they hold. docs/method.md, sections 2 and 3.

A threshold is an absolute share of attention (0.01, meant for sequences of several hundred tokens), or a multiple of
uniform attention such as "4x": 4/W, with W the row's real width, which means the same at any length. With an absolute
threshold below 1/W nearly every column is a sink.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from axon.checks import check_range

if TYPE_CHECKING:
    from torch import Tensor

SinkThreshold = float | str


def check_sink_threshold(key: str, value: SinkThreshold) -> None:
    """Raise ValueError where `value` is neither a share in [0, 1] nor a multiple of uniform attention."""
    if not isinstance(value, str):
        check_range(key, value, 0.0, 1.0)
    elif multiples(value) is None:
        raise ValueError(
            f"{key}={value!r}: unknown; write a share of attention such as 0.01, or multiples of uniform "
            "attention such as 4x"
        )


def multiples(value: SinkThreshold) -> float | None:
    """The number before the x of "4x"; None for an absolute share or any other text."""
    found = (
        re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*x", value.strip().lower()) if isinstance(value, str) else None
    )
    return float(found[1]) if found else None


def sink_bound(width_B: Tensor, threshold: SinkThreshold) -> Tensor | float:
    """The mean attention above which a column is a sink: of every row the same, or of each, (B, 1) float32.

    width_B is the real width of each row.
    """
    relative = multiples(threshold)
    return float(threshold) if relative is None else (relative / width_B.float())[:, None]
