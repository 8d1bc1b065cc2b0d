"""Passes over the canvas and, beside it, over a shadow of each row's current block: what its tokens are by all others.

A shadow is a mask token at the place of a position of the block. It sees all that this position sees but the position
itself, and all shadows; nothing on the canvas sees a shadow. (Feng-Hong/WINO-DLLM: LLaDA/decoding.py, where the two are
one canvas with a mask. Here they are two parts of a pass, so that whatever is computed of the canvas is computed as
without shadows.)

Shapes: B rows, K block length, W canvas width, G key heads, A head size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from axon.attention import Capture
from axon.batch import Batch
from axon.models.layout import Layout, additive, positions
from axon.models.model import MaskedDiffusionModel, PassPart
from axon.passes import Pass, canvas_layout
from axon.settings import DecodeSettings


class Lent:
    """The canvas's keys and values of a layer, until its shadows have met them."""

    stays: ClassVar[bool] = True

    def __init__(self) -> None:
        self.last: tuple[Tensor, Tensor] | None = None

    def exchange(self, layer: int, key_BGWA: Tensor, value_BGWA: Tensor) -> tuple[Tensor, Tensor]:
        """See `Exchange`."""
        self.last = key_BGWA, value_BGWA
        return self.last


@dataclass(frozen=True)
class Borrowed:
    """What shadows see: the canvas first, then themselves."""

    stays: ClassVar[bool] = True

    lent: Lent

    def exchange(self, layer: int, key_BGKA: Tensor, value_BGKA: Tensor) -> tuple[Tensor, Tensor]:
        """See `Exchange`; the canvas's part of the layer comes before."""
        assert self.lent.last is not None, "the canvas is the part before the shadows"
        (key_BGWA, value_BGWA), self.lent.last = self.lent.last, None
        return torch.cat([key_BGWA, key_BGKA], 2), torch.cat([value_BGWA, value_BGKA], 2)


@dataclass(frozen=True)
class _Shadows:
    """Those of some blocks, for as long as they are the current ones."""

    places_BK: Tensor
    layout: Layout
    read_BK: Tensor | None  # of the canvas, see `PassPart`


class ShadowPasses:
    """Every pass computes the whole canvas and the shadows of the current blocks."""

    def __init__(self, model: MaskedDiffusionModel, batch: Batch, settings: DecodeSettings) -> None:
        self._model = model
        self._batch = batch
        self._layout = canvas_layout(model, batch, settings)
        self._block_alone = settings.decoder.reads == "block"
        self._block_BK = batch.block_K.expand(len(batch.rows), -1)
        self._masks_BK = torch.full_like(self._block_BK, batch.mask_id)
        self._last: _Shadows | None = None
        width_B = self._layout.width_B
        self._computed_B = width_B + settings.block
        self._pairs_B = width_B**2 + settings.block * self._computed_B

    def next(self, blocks: list[int], places_BK: Tensor, layers: tuple[int, ...]) -> Pass:
        """See `Passes`."""
        batch, layout, lent = self._batch, self._layout, Lent()
        if self._last is None or self._last.places_BK is not places_BK:
            self._last = self._shadows(places_BK)
        shadows, canvas_BW = self._last, batch.canvas_BW[:, : layout.seen]
        capture, no_capture = Capture(layers, layout.real_BW), Capture((), shadows.layout.real_BW)
        hidden_BWD, shadow_BKD = self._model.in_one_pass(
            [
                PassPart(canvas_BW, layout, capture, lent, shadows.read_BK),
                PassPart(self._masks_BK, shadows.layout, no_capture, Borrowed(lent), self._block_BK),
            ]
        )
        batch.counts.add_unchanged("computed_positions", self._computed_B)
        batch.counts.add_unchanged("attention_pairs", self._pairs_B)
        return Pass(layout, hidden_BWD, capture, shadow_BKD=shadow_BKD)

    def _shadows(self, places_BK: Tensor) -> _Shadows:
        layout, columns_BK = self._layout, places_BK + self._layout.prefix
        columns_W = torch.arange(layout.seen, device=columns_BK.device)
        sees_BKW = layout.real_BW[:, None] & (columns_W != columns_BK[..., None])
        if self._model.block_causal:
            sees_BKW = sees_BKW & (columns_W <= columns_BK[:, None, -1:])
        shadows_BK = torch.ones_like(columns_BK, dtype=torch.bool)
        sees_BKS = torch.cat([sees_BKW, shadows_BK[:, None].expand(-1, columns_BK.shape[1], -1)], 2)
        own = Layout(
            prefix=layout.prefix,
            starts_B=layout.starts_B,
            real_BW=torch.cat([layout.real_BW, shadows_BK], 1),
            positions_BQ=positions(columns_BK, layout.starts_B),
            mask=additive(sees_BKS[:, None], self._model.dtype),
        )
        read_BK = None
        if self._block_alone:
            read_BK = self._model.read_columns(columns_BK, layout.starts_B[:, None])
        return _Shadows(places_BK, own, read_BK)
