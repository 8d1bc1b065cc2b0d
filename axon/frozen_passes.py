"""Fast-dLLM's caches (arXiv 2505.22618) for models that attend in both directions: keys and values frozen for a block.

A block's first pass computes the whole canvas. Its later ones compute the columns from the block's start to the row's
end (`prefix`), or those of the block alone (`dual`), and see what the first one has left of all others. Rows go at
their own pace: a step is a pass over the rows that start a block, and one over the rows that are within one.

Shapes: B rows, R some of them, K block length, Q columns that a pass computes, W columns of the canvas.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from axon.attention import Capture
from axon.batch import Batch
from axon.key_values import Canvas, Columns, KeyValues
from axon.models.layout import Layout, positions
from axon.models.model import MaskedDiffusionModel, PassPart
from axon.passes import Pass, canvas_layout
from axon.rows import of_rows, places_on
from axon.settings import DecodeSettings


@dataclass(frozen=True)
class _Common:
    """What the later passes of some rows' blocks share, until one more is within its block, or one ends it."""

    rows: list[int]
    blocks: list[int]  # of all rows
    rows_R: Tensor | None  # None: all
    layout: Layout
    computed: Columns
    read_RK: Tensor | None  # see `model.PassPart`
    computed_R: Tensor | int
    pairs_R: Tensor


class FrozenPasses:
    """The passes over a batch of fixed membership; its `stored` says of which block a row's frozen columns are."""

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
        self._settings = settings
        self._layers = layers
        self._layout = canvas_layout(model, batch, settings)
        self._width = self._layout.real_BW.shape[1]
        self._device = batch.tokens_BG.device
        self._columns_W = torch.arange(self._width, device=self._device)
        self._block_alone = settings.decoder.reads == "block" and model.rounds_alone
        self._last: _Common | None = None
        if self._width > kept.width:
            kept.widen(self._width)  # and no more: all of it is copied whenever a row enters or leaves

    def next(self, blocks: list[int], layers: tuple[int, ...]) -> Pass:
        """See `Passes`."""
        stored, kept, seen = self._batch.stored, self._kept, slice(0, self._width)
        starting = [row for row, block in enumerate(blocks) if stored[row] != block]
        within = [row for row, block in enumerate(blocks) if stored[row] == block]
        columns_BK = self._batch.columns_BK(blocks)
        queries = []
        starts_R, common = self._batch.some(starting), self._common(within, blocks, columns_BK)
        passes = [self._whole(starts_R, columns_BK)] if starting else []
        if common is not None:
            passes.append(self._later(common, layers))
        for one, hidden_RQD in zip(passes, self._model.together(passes), strict=True):
            one.columns.keep_hidden(hidden_RQD)
        if starting:
            queries.append(self._begun(passes[0], starts_R, columns_BK, layers))
        if common is not None:
            self._count(common.rows_R, common.computed_R, common.pairs_R)
            queries.append(list(passes[-1].capture.queries(of_rows(columns_BK, common.rows_R))))
        for row in starting:
            stored[row] = blocks[row]
        capture = self._captured(layers, queries, starting + within, columns_BK)
        return Pass(self._layout, kept.hidden_BWD[:, seen], capture, kept.attended_BW1[:, seen, 0])

    def _whole(self, rows_R: Tensor | None, columns_BK: Tensor) -> PassPart:
        """The first pass of those rows' blocks."""
        layout = self._layout  # itself where it is of all rows, so that its rotation is computed once
        if rows_R is not None:
            layout = self._of_rows(rows_R, self._columns_W.expand(len(rows_R), -1))
        capture, canvas = Capture(self._layers, layout.real_BW), Canvas(self._kept, rows_R, self._width)
        read_RK: Tensor | None = None
        if self._block_alone:
            read_RK = self._model.read_columns(of_rows(columns_BK, rows_R), layout.starts_B[:, None])
        return PassPart(self._tokens_RW(rows_R), layout, capture, canvas, read_RK)

    def _begun(
        self, whole: PassPart, rows_R: Tensor | None, columns_BK: Tensor, layers: tuple[int, ...]
    ) -> list[tuple[Tensor, float]]:
        """What is kept of the attention of such a pass; the queries of the blocks."""
        columns_RK, layout, capture = of_rows(columns_BK, rows_R), whole.layout, whole.capture
        if self._layers:
            # The block's own rows are of each pass; those of all others that sinks are sought by stay these.
            others_RW = self._columns_W < columns_RK[:, :1]
            if self._settings.sink_rows == "canvas":
                others_RW = others_RW | (self._columns_W > columns_RK[:, -1:])
            attended_RW = capture.column_sums(None, others_RW & layout.real_BW)
            Canvas(self._kept, rows_R, self._width).keep_attended(attended_RW)
        self._count(rows_R, layout.width_B, layout.width_B**2)
        self._batch.counts.add("full_passes", 1, rows_R)
        return list(capture.queries(columns_RK)) if layers else []

    def _captured(
        self,
        layers: tuple[int, ...],
        queries: list[list[tuple[Tensor, float]]],
        rows: list[int],
        columns_BK: Tensor,
    ) -> Capture:
        """The attention of all blocks: `queries` of one part of the step after the other, of the batch's `rows`."""
        capture = Capture(layers, self._layout.real_BW, columns_BK[:, 0])
        order_B = places_on(rows, self._device).argsort() if layers and len(queries) > 1 else None
        for number, layer in enumerate(sorted(layers)):
            of_layer = [of_part[number] for of_part in queries]
            query_BHKD = of_rows(torch.cat([query for query, _ in of_layer]), order_B)
            key_BGWD = self._kept.keys_BLGWA[:, layer, :, : self._width]
            capture.keep(query_BHKD, key_BGWD, self._layout.mask, of_layer[0][1])
        return capture

    def _common(self, rows: list[int], blocks: list[int], columns_BK: Tensor) -> _Common | None:
        """Of the later passes of those rows' blocks, if there are any: made anew where rows or blocks are others."""
        if not rows:
            return None
        last = self._last
        if last is None or last.rows != rows or last.blocks != blocks:
            last = self._last = self._prepared(rows, blocks, columns_BK)
        return last

    def _later(self, common: _Common, layers: tuple[int, ...]) -> PassPart:
        """A later pass of those rows' blocks."""
        columns_RQ = common.computed.columns_RQ
        capture = Capture(layers, common.layout.real_BW, columns_RQ[:, 0])
        tokens_RQ = self._tokens_RW(common.rows_R).gather(1, columns_RQ)
        return PassPart(tokens_RQ, common.layout, capture, common.computed, common.read_RK)

    def _prepared(self, rows: list[int], blocks: list[int], columns_BK: Tensor) -> _Common:
        rows_R, length = self._batch.some(rows), self._settings.block
        columns_RQ = of_rows(columns_BK, rows_R)
        computed_R: Tensor | int = length
        if self._settings.cache == "prefix":
            left = [self._batch.blocks[row].area - blocks[row] * length for row in rows]
            computed_R = places_on(left, self._device)
            # A row with fewer columns left computes its last one several times over, with the same result.
            columns_RQ = columns_RQ[:, :1] + torch.minimum(
                self._columns_W[: max(left)], computed_R[:, None] - 1
            )
        layout = self._of_rows(rows_R, columns_RQ)
        stretch = None
        # Beyond the end of a row with fewer columns left its last one is written again, where nobody sees it.
        if rows_R is None and len(set(blocks)) == 1:
            first = layout.prefix + blocks[0] * length
            stretch = slice(first, first + columns_RQ.shape[1])
        computed = Columns(self._kept, rows_R, columns_RQ, slice(0, self._width), stretch)
        # The block comes first; what its first position is predicted from under a shift is frozen. A last column that
        # is computed several times must have one state: where rows differ in what is left, all is read.
        alike = len({self._batch.blocks[row].area - blocks[row] * length for row in rows}) == 1
        narrows = self._block_alone and (alike or self._settings.cache == "dual")
        read_RK = self._batch.block_K.expand(len(rows), -1) if narrows else None
        pairs_R = computed_R * layout.width_B
        return _Common(rows, list(blocks), rows_R, layout, computed, read_RK, computed_R, pairs_R)

    def _of_rows(self, rows_R: Tensor | None, columns_RQ: Tensor) -> Layout:
        """Those rows, of which the pass computes those columns."""
        whole = self._layout
        starts_R = of_rows(whole.starts_B, rows_R)
        mask = None if whole.mask is None else of_rows(whole.mask, rows_R)
        return Layout(
            whole.prefix, starts_R, of_rows(whole.real_BW, rows_R), positions(columns_RQ, starts_R), mask
        )

    def _tokens_RW(self, rows_R: Tensor | None) -> Tensor:
        return of_rows(self._batch.canvas_BW, rows_R)[:, : self._width]

    def _count(self, rows_R: Tensor | None, computed_R: Tensor | int, pairs_R: Tensor) -> None:
        counts = self._batch.counts
        counts.add_unchanged("computed_positions", computed_R, rows_R)
        counts.add_unchanged("attention_pairs", pairs_R, rows_R)
