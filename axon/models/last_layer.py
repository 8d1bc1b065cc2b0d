"""The last layer of a network, for some columns only: what it makes of the others, nobody reads.

Keys, values and attention are of all columns, as always; queries, output projection and MLP of the chosen ones. That
changes no rounding: a product of matrices rounds each of its rows by itself, as long as there are LEAST of them. (The
attention kernel does not: it takes queries by 32, and the last one may be alone.)

Shapes: B rows, W columns of a pass, Q chosen ones, D size of a vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from axon.models.experts import weights_per_position

LEAST = 4  # rows: with fewer, other routines take over (oneMKL 2024.2; seen at ten shapes from 16 x 16 to 1536 x 512)


class Narrowed(nn.Module):
    """A part of the layer that treats each position by itself."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part
        self.columns_BQ: Tensor | None = None  # None: all

    def forward(self, x_BWD: Tensor) -> Tensor:
        """What the part makes of `x`; at columns that are not chosen, zeros."""
        if self.columns_BQ is None:
            whole: Tensor = self.part(x_BWD)
            return whole
        index_BQ1 = self.columns_BQ[..., None]
        some: Tensor = self.part(x_BWD.gather(1, index_BQ1.expand(-1, -1, x_BWD.shape[2])))
        zeros = some.new_zeros((*x_BWD.shape[:2], some.shape[2]))
        return zeros.scatter_(1, index_BQ1.expand_as(some), some)


class LastLayer:
    """Puts itself into the network: with nothing chosen, the layer is what it was."""

    def __init__(self, body: Any) -> None:
        layer = body.layers[-1]
        # Of experts each sees few positions, perhaps one: which others there are would change the rounding.
        self._narrows = weights_per_position(layer) == 0
        self._queries = Narrowed(layer.self_attn.q_proj)
        self._others = [Narrowed(layer.self_attn.o_proj), Narrowed(layer.mlp)]
        if self._narrows:
            layer.self_attn.q_proj = self._queries
            layer.self_attn.o_proj, layer.mlp = self._others

    @contextmanager
    def only(self, columns_BQ: Tensor | None, all_queries: bool) -> Iterator[None]:
        """Within it, the layer computes those columns (None: all); and all queries, where somebody reads them."""
        if columns_BQ is not None and columns_BQ.shape[1] < LEAST:
            columns_BQ = None
        for part in self._others if all_queries else [self._queries, *self._others]:
            part.columns_BQ = columns_BQ
        try:
            yield
        finally:
            for part in [self._queries, *self._others]:
                part.columns_BQ = None
