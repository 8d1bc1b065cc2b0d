"""Columns of the canvas by which attention is judged, and those that hold the blocks.

Shapes: B rows, R some of them, W canvas width, Q columns of each row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from axon.sinks import SinkThreshold, sink_bound


@dataclass(frozen=True)
class Counted:
    """The positions that column means are over. What follows is made once, as they may be those of many steps."""

    counted_BW: Tensor  # bool
    seen_B: Tensor  # columns that they see: uniform attention is 1 / seen
    _bounds: dict[SinkThreshold, Tensor | float] = field(default_factory=dict)
    _shares: dict[int, Tensor] = field(default_factory=dict)

    @cached_property
    def marks_BW(self) -> Tensor:
        """1 for a position and 0 elsewhere, float32."""
        return self.counted_BW.float()

    def shares_B1(self, maps: int) -> Tensor:
        """How many rows of attention there are of so many maps."""
        if maps not in self._shares:
            self._shares[maps] = maps * self.counted_BW.sum(1, keepdim=True)
        return self._shares[maps]

    def bound(self, threshold: SinkThreshold) -> Tensor | float:
        """See `sink_bound`."""
        if threshold not in self._bounds:
            self._bounds[threshold] = sink_bound(self.seen_B, threshold)
        return self._bounds[threshold]

    def among(self, rows_R: Tensor | None) -> Counted:
        """Of those rows (None: all)."""
        return self if rows_R is None else Counted(self.counted_BW[rows_R], self.seen_B[rows_R])


def taken(values: Tensor, dim: int, columns_RQ: Tensor, start: int | None) -> Tensor:
    """Of values (R, ...) whose axis `dim` is the canvas those in the columns of each row.

    `start`: the first column, where it is the same in all rows and the others follow: then nothing is copied.
    """
    if start is not None:
        return values.narrow(dim, start, columns_RQ.shape[1])
    around = [1] * values.dim()
    around[0], around[dim] = columns_RQ.shape
    shape = list(values.shape)
    shape[dim] = columns_RQ.shape[1]
    return values.gather(dim, columns_RQ.view(around).expand(shape))
