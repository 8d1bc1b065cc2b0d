"""The layers of a network, from tokens to final hidden states; transformers' modules hold the weights.

Keys, values and attention are of all columns of a pass, as always. Where only some columns are read, the last layer
computes queries, output projection and MLP of these alone. That changes no rounding: a product of matrices rounds each
of its rows by itself, where their number suits (`rows_round_alone`). (The attention kernel does not: it takes queries
by 32, and the last one may be alone.)

Shapes: B rows, Q columns of a pass, N positions of all rows, R and M those of them that are read, D hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from axon.models.attend import Attention, RowAttention, without_plans
from axon.models.experts import weights_per_position
from axon.models.joined import plain
from axon.models.layer import Layer, Narrow, Norm, Rotation
from axon.models.product import way
from axon.roundings import rows_round_alone

STEP = 256  # positions whose rotations are computed at once


class Body(nn.Module):
    """Of a network of one of FAMILIES, whose weights it reads and does not own."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        body = network.model
        self._embedding: Tensor = plain(body.embed_tokens, nn.Embedding).weight
        self._rotary = (body.rotary_emb,)  # in a tuple, as layers are: no part of this module
        self._layers = tuple(Layer(layer) for layer in body.layers)
        places = [self._embedding.device, *(layer.device for layer in self._layers)]
        self.devices = tuple(dict.fromkeys(places))  # home first
        # Before each layer: where the states go, if they are elsewhere.
        self._moves = tuple(here if here != before else None for before, here in pairwise(places))
        self._norm = Norm(body.norm)
        # Of experts each sees few positions, perhaps one: which others there are would change the rounding.
        self.dense = weights_per_position(body.layers[-1]) == 0
        self._all: tuple[tuple[torch.dtype, torch.device], Rotation] | None = None  # of positions 0, 1, ...
        self._last: tuple[Tensor, tuple[Rotation, ...]] | None = (
            None  # of the last pass, on each of `devices`
        )
        self._compiled: Callable[..., Tensor] | None = None  # what `_through` was compiled to

    @property
    def home(self) -> torch.device:
        """Where everything is read from."""
        return self._embedding.device

    def forward(
        self,
        tokens_BQ: Tensor,
        positions_BQ: Tensor,
        reach: int,
        parts: Sequence[RowAttention],
        read_BR: Tensor | None = None,
    ) -> Tensor:
        """Final hidden states (B, Q, D): with `read_BR` of those columns, and undefined elsewhere.

        `reach` is above every position, which only the device knows.
        Of several `parts` the positions lie one after the other, as those of a single row.
        """
        x_BQD = embedding(tokens_BQ, self._embedding)
        rotations = self._rotations_of(x_BQD, positions_BQ, reach)
        through = self._compiled or self._through
        with without_plans(self.home):
            return through(x_BQD, rotations, parts, read_BR)

    def compile(self, *arguments: Any, **named: Any) -> None:
        """As that of any module, but of what is computed anew in each pass.

        With what is kept from pass to pass, the layers would be compiled once more for each state that it is in, and
        in a CUDA graph it would lie in memory that the next pass overwrites.
        """
        self._compiled = torch.compile(self._through, *arguments, **named)

    def _through(
        self,
        x_BQD: Tensor,
        rotations: Sequence[Rotation],
        parts: Sequence[RowAttention],
        read_BR: Tensor | None,
    ) -> Tensor:
        """See `forward`: of embedded tokens, with their rotations on each of `devices`."""
        count, width, _ = x_BQD.shape
        x_ND, rotation = x_BQD.view(count * width, -1), rotations[0]
        at_home = attend = parts[0] if len(parts) == 1 else Attention(parts)
        multiply = way(x_ND)
        for layer, move in zip(self._layers[:-1], self._moves, strict=False):
            if move is not None:
                x_ND, rotation = x_ND.to(move), rotations[self.devices.index(move)]
                attend, multiply = at_home.at(move, self.devices[0]), way(x_ND)
            x_ND = layer(x_ND, rotation, attend, multiply)
        if (move := self._moves[-1]) is not None:
            x_ND, rotation = x_ND.to(move), rotations[self.devices.index(move)]
            attend, multiply = at_home.at(move, self.devices[0]), way(x_ND)
        read = None
        if read_BR is not None and self.dense and rows_round_alone(read_BR.shape[1]):
            read = Narrow.of(read_BR, width)
        there = read if read is None or len(self.devices) == 1 else read.to(x_ND.device)
        captured = any(part.capture is not None for part in parts)
        queries = None if captured else there  # whose attention is asked for, all are read
        x_MD = self._layers[-1](x_ND, rotation, attend, multiply, queries, there)
        if len(self.devices) > 1:
            x_MD = x_MD.to(self.devices[0])
        x_MD = self._norm(x_MD)
        x_ND = x_MD if read is None else read.spread(x_MD)
        return x_ND.view(count, width, -1)

    def _rotations_of(self, x_BQD: Tensor, positions_BQ: Tensor, reach: int) -> tuple[Rotation, ...]:
        """Many passes over a batch have the same positions, told by being the same tensor, which nobody changes."""
        if self._last is None or self._last[0] is not positions_BQ:
            made = self._rotations(x_BQD, reach).at(positions_BQ.flatten())
            self._last = positions_BQ, (made, *(made.to(device) for device in self.devices[1:]))
        return self._last[1]

    def _rotations(self, x_BQD: Tensor, reach: int) -> Rotation:
        """Of so many positions or more."""
        kind = x_BQD.dtype, x_BQD.device
        if self._all is None or self._all[0] != kind or self._all[1].count < reach:
            [rotary] = self._rotary
            positions_1N = torch.arange(-(-reach // STEP) * STEP, device=x_BQD.device)[None]
            with torch.no_grad():
                self._all = kind, Rotation.of(*rotary(x_BQD, position_ids=positions_1N))
        return self._all[1]
