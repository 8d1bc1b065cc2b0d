"""How a decode passes over the network: over the whole canvas each time.

Or over a part of it (cached_passes.py, frozen_passes.py), or over more (shadow_passes.py, branch_passes.py).

Shapes: B rows, K block length, W columns of the canvas, D hidden size, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from axon.attention import Capture
from axon.batch import Batch
from axon.guesses import Ahead
from axon.models.layout import Layout
from axon.models.model import MaskedDiffusionModel
from axon.settings import DecodeSettings


@dataclass(frozen=True)
class Pass:
    """One pass, and the canvas as far as it is known after it."""

    layout: Layout
    hidden_BWD: Tensor  # final, of this pass where it computed them, and of earlier ones elsewhere
    capture: Capture
    attended_BW: Tensor | None = (
        None  # that the columns received in earlier passes; None: all was computed in this one
    )
    shadow_BKD: Tensor | None = None  # final, of the blocks' shadows, where somebody needs them
    logits_BKV: Tensor | None = None  # of the blocks, where the pass had to look at them
    ahead: Ahead | None = None  # what this pass saw written, and the canvas does not hold yet


class Passes(Protocol):
    """The passes over a batch of fixed membership."""

    def next(self, blocks: list[int], layers: tuple[int, ...]) -> Pass:
        """One function evaluation of every row, counted.

        `blocks` is the batch's block_B, as the host knows it. `layers` are those whose attention is captured; none
        where nobody asks for it.
        """


class WholePasses:
    """Every pass computes the whole canvas."""

    def __init__(self, model: MaskedDiffusionModel, batch: Batch, settings: DecodeSettings) -> None:
        self._model = model
        self._batch = batch
        self._layout = canvas_layout(model, batch, settings)
        self._pairs_B = self._layout.width_B**2
        self._block_alone = settings.decoder.reads == "block"
        self._last_read: tuple[Tensor, Tensor] | None = None  # columns_BK, and those that predict them

    def next(self, blocks: list[int], layers: tuple[int, ...]) -> Pass:
        """See `Passes`."""
        batch, layout = self._batch, self._layout
        capture = Capture(layers, layout.real_BW)
        canvas_BW = batch.canvas_BW[:, : layout.real_BW.shape[1]]
        hidden_BWD = self._model(canvas_BW, layout, capture if layers else None, read_BQ=self._read(blocks))
        batch.counts.add_unchanged("computed_positions", layout.width_B)
        batch.counts.add_unchanged("attention_pairs", self._pairs_B)
        return Pass(layout, hidden_BWD, capture)

    def _read(self, blocks: list[int]) -> Tensor | None:
        """The columns whose final hidden states somebody reads; None: any of them."""
        if not self._block_alone:
            return None
        columns_BK = self._batch.columns_BK(blocks)
        if self._last_read is None or self._last_read[0] is not columns_BK:
            read_BK = self._model.read_columns(columns_BK, self._layout.starts_B[:, None])
            self._last_read = columns_BK, read_BK
        return self._last_read[1]


def canvas_layout(model: MaskedDiffusionModel, batch: Batch, settings: DecodeSettings) -> Layout:
    """Where the batch's rows lie on the whole canvas."""
    lengths = [len(prompt) for prompt in batch.prompts]
    return model.layout(lengths, settings.gen_length, settings.block, settings.block_alignment)
