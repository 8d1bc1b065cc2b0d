"""Passes over the canvas and, after it, a shadow of each row's current block: what its tokens are by all others.

A shadow is a mask token at the place of a position of the block. It sees all that this position sees but the position
itself, and all shadows; nothing on the canvas sees a shadow (Feng-Hong/WINO-DLLM: LLaDA/decoding.py). The attention of
the canvas is computed by itself, so that whatever is computed of it is computed as without shadows.

Shapes: B rows, K block length, W canvas width, S = W + K.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from axon.attention import Capture
from axon.batch import Batch
from axon.models.layout import Layout, additive, positions
from axon.models.model import MaskedDiffusionModel
from axon.passes import Pass, canvas_layout
from axon.settings import DecodeSettings


@dataclass(frozen=True)
class _Shadows:
    """Those of some blocks, for as long as they are the current ones."""

    columns_BK: Tensor
    layout: Layout  # of the canvas, and of them after it
    read_BR: Tensor | None  # the columns whose final states somebody reads; None: any


class ShadowPasses:
    """Every pass computes the whole canvas and the shadows of the current blocks."""

    def __init__(self, model: MaskedDiffusionModel, batch: Batch, settings: DecodeSettings) -> None:
        self._model = model
        self._batch = batch
        self._layout = canvas_layout(model, batch, settings)
        self._block_alone = settings.decoder.reads == "block"
        self._last: _Shadows | None = None
        width_B = self._layout.width_B
        self._computed_B = width_B + settings.block
        self._pairs_B = width_B**2 + settings.block * self._computed_B

    def next(self, blocks: list[int], layers: tuple[int, ...]) -> Pass:
        """See `Passes`."""
        batch, width = self._batch, self._layout.seen
        columns_BK = batch.columns_BK(blocks)
        if self._last is None or self._last.columns_BK is not columns_BK:
            self._last = self._shadows(columns_BK)
        capture = Capture(layers, self._layout.real_BW)
        tokens_BS = pad(batch.canvas_BW[:, :width], (0, len(batch.block_K)), value=batch.mask_id)
        hidden_BSD = self._model(
            tokens_BS, self._last.layout, capture if layers else None, read_BQ=self._last.read_BR
        )
        batch.counts.add_unchanged("computed_positions", self._computed_B)
        batch.counts.add_unchanged("attention_pairs", self._pairs_B)
        return Pass(self._layout, hidden_BSD[:, :width], capture, shadow_BKD=hidden_BSD[:, width:])

    def _shadows(self, columns_BK: Tensor) -> _Shadows:
        layout = self._layout
        columns_W = torch.arange(layout.seen, device=columns_BK.device)
        sees_BKW = layout.real_BW[:, None] & (columns_W != columns_BK[..., None])
        if self._model.block_causal:
            sees_BKW = sees_BKW & (columns_W <= columns_BK[:, None, -1:])
        sees_BKS = pad(sees_BKW, (0, columns_BK.shape[1]), value=True)
        positions_BK = positions(columns_BK, layout.starts_B)
        positions_BW = layout.positions_BQ.expand(len(columns_BK), -1)
        wide = replace(
            layout,
            positions_BQ=torch.cat([positions_BW, positions_BK], 1),
            shadow_mask=additive(sees_BKS[:, None], self._model.dtype),
        )
        read_BR: Tensor | None = None
        if self._block_alone:
            read_BK = self._model.read_columns(columns_BK, layout.starts_B[:, None])
            read_BR = torch.cat([read_BK, (layout.seen + self._batch.block_K).expand_as(read_BK)], 1)
        return _Shadows(columns_BK, wide, read_BR)
