"""The layers of a network, from tokens to final hidden states; transformers' modules hold the weights.

Keys, values and attention are of all columns of a pass, as always. Where only some columns are read, the last layer
computes queries, output projection and MLP of these alone. That changes no rounding: a product of matrices rounds each
of its rows by itself, as long as there are LEAST of them. (The attention kernel does not: it takes queries by 32, and
the last one may be alone.)

Shapes: B rows, Q columns of a pass, R those of them that are read, D hidden size.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from axon.attention import Capture
from axon.key_values import Exchange
from axon.models.experts import weights_per_position
from axon.models.layer import Attend, Layer, Narrow, Norm, Rotation
from axon.models.split import SentCapture, SentColumns

LEAST = 4  # rows: with fewer, other routines take over (oneMKL 2024.2; seen at ten shapes from 16 x 16 to 1536 x 512)


class Body(nn.Module):
    """Of a network of one of FAMILIES, whose weights it reads and does not own."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        body = network.model
        self._config = network.config
        self._embedding: Tensor = body.embed_tokens.weight
        self._rotary = (body.rotary_emb,)  # in a tuple, as layers are: no part of this module
        self._layers = tuple(Layer(layer) for layer in body.layers)
        places = [self._embedding.device, *(layer.device for layer in self._layers)]
        self.devices = tuple(dict.fromkeys(places))  # home first
        # Before each layer: where the states go, if they are elsewhere.
        self._moves = tuple(here if here != before else None for before, here in pairwise(places))
        self._norm = Norm(body.norm)
        # Of experts each sees few positions, perhaps one: which others there are would change the rounding.
        self._narrows = weights_per_position(body.layers[-1]) == 0
        self._last: tuple[Tensor, dict[torch.device, Rotation]] | None = None

    def forward(
        self,
        tokens_BQ: Tensor,
        positions_BQ: Tensor,
        mask: Tensor | None,
        capture: Capture | None = None,
        columns: Exchange | None = None,
        read_BR: Tensor | None = None,
    ) -> Tensor:
        """Final hidden states (B, Q, D): with `read_BR` of those columns, and undefined elsewhere.

        `mask` is added to the scores, (B, 1, 1 or Q, columns seen); None: every position sees every column.
        """
        x_BQD = embedding(tokens_BQ, self._embedding)
        rotation = self._rotation(x_BQD, positions_BQ)
        attend = self._attend(mask, capture, columns)
        for layer, move in zip(self._layers[:-1], self._moves, strict=False):
            if move is not None:
                x_BQD, rotation = x_BQD.to(move), self._rotation_at(move)
                attend = self._attend_at(move, mask, capture, columns)
            x_BQD = layer(x_BQD, rotation, attend)
        if (move := self._moves[-1]) is not None:
            x_BQD, rotation = x_BQD.to(move), self._rotation_at(move)
            attend = self._attend_at(move, mask, capture, columns)
        read = None
        if read_BR is not None and self._narrows and read_BR.shape[1] >= LEAST:
            read = Narrow(read_BR, tokens_BQ.shape[1])
        there = read if read is None or len(self.devices) == 1 else read.to(x_BQD.device)
        queries = there if capture is None else None  # whose attention is asked for, all are read
        x_BRD = self._layers[-1](x_BQD, rotation, attend, queries, there)
        if len(self.devices) > 1:
            x_BRD = x_BRD.to(self.devices[0])
        x_BRD = self._norm(x_BRD)
        return x_BRD if read is None else read.spread(x_BRD)

    def _rotation(self, x_BQD: Tensor, positions_BQ: Tensor) -> Rotation:
        """All passes over a batch have the same positions, told by being the same tensor, which nobody changes."""
        if self._last is None or self._last[0] is not positions_BQ:
            [rotary] = self._rotary
            with torch.no_grad():
                made = Rotation.of(*rotary(x_BQD, position_ids=positions_BQ))
            self._last = positions_BQ, {self.devices[0]: made}
        return self._last[1][self.devices[0]]

    def _rotation_at(self, device: torch.device) -> Rotation:
        """The last one, on that device."""
        assert self._last is not None, "made at home first"
        made = self._last[1]
        if device not in made:
            made[device] = made[self.devices[0]].to(device)
        return made[device]

    def _attend(self, mask: Tensor | None, capture: Any, columns: Exchange | None) -> Attend:
        return partial(
            ALL_ATTENTION_FUNCTIONS[self._config._attn_implementation],
            attention_mask=mask,
            is_causal=False,
            axon_capture=capture,
            axon_columns=columns,
        )

    def _attend_at(
        self, device: torch.device, mask: Tensor | None, capture: Capture | None, columns: Exchange | None
    ) -> Attend:
        """The attention of layers that are not at home."""
        return self._attend(
            None if mask is None else mask.to(device),
            None if capture is None else SentCapture(capture, mask),
            None if columns is None else SentColumns(columns, self.devices[0]),
        )
