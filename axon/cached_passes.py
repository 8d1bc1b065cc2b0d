"""Passes of a block-causal model over the current block alone, against what is kept of the columns before it.

What is finished sees no later block, so that its keys, values and hidden states stay as they are: logits and attention
of the block are those of a pass over the whole canvas. The prompt is computed once (prefill), a block in every step
while it is decoded, and once more when its tokens are final (store). The text grows block by block, and so does the
memory that it takes.

Shapes: B rows, R some of them, K block length, Q columns that a pass computes, S columns that it sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from axon.attention import Capture
from axon.batch import NOTHING, Batch
from axon.key_values import Columns, KeyValues
from axon.models.layout import Layout, additive, positions
from axon.models.model import MaskedDiffusionModel
from axon.passes import Pass
from axon.rows import of_rows, places_on
from axon.settings import DecodeSettings


@dataclass(frozen=True)
class _Blocks:
    """One block of each of some rows: where a pass over it lies."""

    rows_R: Tensor | None  # None: all
    layout: Layout
    columns: Columns
    pairs_R: Tensor  # of positions and the columns that they see


class BlockPasses:
    """The passes over a batch of fixed membership.

    Before a step, a pass over the rows that need it brings what is kept up to their current blocks, so that the step
    itself decodes all rows. A text that is over needs no such pass any more, and gets none.
    """

    def __init__(
        self,
        model: MaskedDiffusionModel,
        batch: Batch,
        kept: KeyValues,
        settings: DecodeSettings,
        layers: tuple[int, ...],
    ) -> None:
        """`kept` is the batch's. `layers` are those whose attention may be asked for in any step."""
        self._model = model
        self._batch = batch
        self._kept = kept
        self._block_length = settings.block
        self._absolute = settings.block_alignment == "absolute"
        self._layers = layers
        self._prefixes = [row.prefix for row in batch.blocks]
        self._prefix = max(self._prefixes)
        self._device = batch.tokens_BG.device
        self._starts_B = places_on([self._prefix - prefix for prefix in self._prefixes], self._device)
        self._current: tuple[list[int], _Blocks] | None = None

    def next(self, blocks: list[int], layers: tuple[int, ...]) -> Pass:
        """See `Passes`. Rows whose prompt or last block is not kept yet are brought up to date before."""
        stored = self._batch.stored
        self._prefill([row for row, block in enumerate(stored) if block == NOTHING])
        self._store([row for row, block in enumerate(stored) if block < blocks[row]])
        assert stored == blocks, "a row has finished more than one block since the last pass"
        if self._current is None or self._current[0] != blocks:
            self._current = blocks, self._blocks(None, self._batch.block_B, blocks)
        current = self._current[1]
        capture, seen = self._over(current, layers), current.columns.seen
        return Pass(
            current.layout, self._kept.hidden_BWD[:, seen], capture, self._kept.attended_BW1[:, seen, 0]
        )

    def _prefill(self, rows: list[int]) -> None:
        """Computes the prompts of those rows, as far as they lie before the area."""
        for row in rows:
            self._batch.stored[row] = 0
        rows = [row for row in rows if self._prefixes[row]]
        if not rows:
            return
        lengths = {self._prefixes[row] for row in rows}
        rows_R = self._batch.some(rows)
        starts_R = of_rows(self._starts_B, rows_R)
        columns = slice(self._prefix - max(lengths), self._prefix)
        columns_Q = torch.arange(columns.start, columns.stop, device=self._device)
        real_RQ = columns_Q >= starts_R[:, None]
        sees: Tensor | None = None
        if self._absolute:
            block_Q = (columns_Q - self._prefix) // self._block_length
            sees = (block_Q <= block_Q[:, None]) & real_RQ[:, None, None, :]
            sees = sees | ~real_RQ[:, None, :, None]  # padding sees everything, so that no softmax is empty
        elif len(lengths) > 1:
            sees = real_RQ[:, None, None, :]
        layout = self._layout(columns_Q.expand(len(rows), -1), starts_R, real_RQ, sees)
        self._kept.reserve(self._prefix)
        stretch = columns if rows_R is None else None
        computed = Columns(self._kept, rows_R, columns_Q.expand(len(rows), -1), columns, stretch)
        capture = Capture(self._layers, real_RQ)
        self._compute(computed, layout, capture)
        if self._layers:
            computed.add_attended(capture.column_sums(None, real_RQ))
        counts = self._batch.counts
        counts.add("computed_positions", layout.width_B, rows_R)
        counts.add("attention_pairs", layout.width_B**2, rows_R)
        counts.add("prefill_passes", 1, rows_R)

    def _store(self, rows: list[int]) -> None:
        """Computes the last block of those rows once more, now that its tokens are final."""
        if not rows:
            return
        stored = self._batch.stored
        rows_R, blocks = self._batch.some(rows), [stored[row] for row in rows]
        finished = self._blocks(rows_R, places_on(blocks, self._device), blocks)
        capture = self._over(finished, self._layers)
        if self._layers:
            attended_RKS = capture.rows(None, finished.columns.columns_RQ)
            finished.columns.add_attended(attended_RKS.sum(1))
        self._batch.counts.add("store_passes", 1, rows_R)
        for row in rows:
            stored[row] += 1

    def _blocks(self, rows_R: Tensor | None, block_R: Tensor, blocks: list[int]) -> _Blocks:
        """The block of that number of each of those rows (None: all); `blocks` says the same to the host."""
        width = self._prefix + (max(blocks) + 1) * self._block_length
        columns_RK = self._prefix + block_R[:, None] * self._block_length + self._batch.block_K
        columns_S = torch.arange(width, device=self._device)
        starts_R, last_R1 = of_rows(self._starts_B, rows_R), columns_RK[:, -1:]
        real_RS = (columns_S >= starts_R[:, None]) & (columns_S <= last_R1)
        abreast = len(set(blocks)) == 1
        alike = abreast and len(set(self._prefixes)) == 1
        layout = self._layout(columns_RK, starts_R, real_RS, None if alike else real_RS[:, None, None, :])
        self._kept.reserve(width)
        # Where all rows are in one block, it ends with the columns that are seen.
        stretch = slice(width - self._block_length, width) if abreast and rows_R is None else None
        columns = Columns(self._kept, rows_R, columns_RK, slice(0, width), stretch)
        return _Blocks(rows_R, layout, columns, self._block_length * layout.width_B)

    def _over(self, blocks: _Blocks, layers: tuple[int, ...]) -> Capture:
        """A pass over them, and what it captured of those layers."""
        capture = Capture(layers, blocks.layout.real_BW, blocks.columns.columns_RQ[:, 0])
        self._compute(blocks.columns, blocks.layout, capture)
        counts = self._batch.counts
        counts.add("computed_positions", self._block_length, blocks.rows_R)
        counts.add_unchanged("attention_pairs", blocks.pairs_R, blocks.rows_R)
        return capture

    def _layout(self, columns_RQ: Tensor, starts_R: Tensor, real_RS: Tensor, sees: Tensor | None) -> Layout:
        mask = None if sees is None else additive(sees, self._model.dtype)
        return Layout(self._prefix, starts_R, real_RS, positions(columns_RQ, starts_R), mask)

    def _compute(self, columns: Columns, layout: Layout, capture: Capture) -> None:
        batch, rows_R = self._batch, columns.rows_R
        tokens_RQ = of_rows(batch.canvas_BW, rows_R).gather(1, columns.columns_RQ)
        hidden_RQD = self._model(tokens_RQ, layout, capture if capture.layers else None, columns)
        columns.keep_hidden(hidden_RQD)
