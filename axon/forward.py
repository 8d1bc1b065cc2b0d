"""One forward pass over the canvas. The head is applied only where somebody reads, and is counted here.

Shapes: B rows, K block length, G generated area, W canvas width, V vocabulary, N flat positions.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from axon.batch import Batch
from axon.beliefs import BYTES, CACHED_ELEMENTS, most_likely
from axon.block_attention import BlockAttention
from axon.chunks import chunk_elements
from axon.columns import Counted
from axon.head import Head
from axon.models.layout import Layout
from axon.models.model import MaskedDiffusionModel
from axon.passes import Passes
from axon.settings import DecodeSettings
from axon.state import PartTimer


class Forward:
    """One function evaluation of every row, and what can be read from it."""

    def __init__(
        self,
        model: MaskedDiffusionModel,
        batch: Batch,
        passes: Passes,
        blocks: list[int],
        settings: DecodeSettings,
        layers: tuple[int, ...],
        timer: PartTimer,
    ) -> None:
        """`blocks` and `layers`: see `Passes.next`."""
        self.model = model
        self.batch = batch
        self.head = Head(model, settings.end_of_text)
        self._first_alone = settings.cache in ("prefix", "dual") and model.shifted
        self.places_BK = batch.places_BK(blocks)
        with timer("model"):
            done = passes.next(blocks, layers)
            layout = self.layout = done.layout
            self._hidden_BWD, self._shadow_BKD, self.ahead = done.hidden_BWD, done.shadow_BKD, done.ahead
            self.columns_BK = batch.columns_BK(blocks)
            self.logits_BKV = self._logits(self.columns_BK) if done.logits_BKV is None else done.logits_BKV
        self._count(settings.block)
        self.counted = self._counted(layout, settings) if layers else layout.counted
        start = layout.prefix + blocks[0] * settings.block if len(set(blocks)) == 1 else None
        self.attention = BlockAttention(
            done.capture, self.columns_BK, start, self.counted, timer, done.attended_BW
        )

    def _counted(self, layout: Layout, settings: DecodeSettings) -> Counted:
        """The positions that column means are over."""
        if settings.sink_rows == "canvas":
            return layout.counted
        columns_W = torch.arange(layout.seen, device=self.columns_BK.device)
        counted_BW = layout.real_BW & (columns_W <= self.columns_BK[:, -1:])
        return Counted(counted_BW, counted_BW.sum(1) if self.model.block_causal else layout.width_B)

    def open(self, masked_BK: Tensor) -> Tensor:
        """Which masked positions of the block may be revealed in this step."""
        open_BK = self.model.open(masked_BK)
        if self._first_alone:
            # The hidden state that the block's first position is predicted from lies before it, and is frozen after
            # this pass: as in NVlabs/Fast-dLLM (dream/model/generation_utils_block.py), it is all that this reveals.
            alone_B1 = open_BK[:, :1] & (self.batch.block_step_B == 0)[:, None]
            open_BK = open_BK & ~alone_B1 | alone_B1 & (self.places_BK == self.places_BK[:, :1])
        return open_BK

    def log_probs(self) -> Iterator[tuple[slice, Tensor]]:
        """Log-probabilities at the positions of the area, C of them at a time: which, and (B, C, V) float32.

        Beyond the canvas, where no row of this batch has a position, those of the last column are repeated.
        """
        count, width = self._hidden_BWD.shape[:2]
        area = self.batch.tokens_BG.shape[1]
        places_G = torch.arange(area, device=self._hidden_BWD.device)
        columns_G = (places_G + self.layout.prefix).clamp(max=width - 1)
        self._count(self.batch.blocks_B * self.places_BK.shape[1])
        step = max(1, self._chunk() // (count * self.model.vocab_size))
        for start in range(0, area, step):
            places = slice(start, min(start + step, area))
            logits_BCV = self._logits(columns_G[places].expand(count, -1))
            yield places, logits_BCV.double().log_softmax(-1).float()

    def p_max_at(self, where_BW: Tensor, marked: int) -> Tensor:
        """p* at the marked positions, of which there are so many, (B, W) float64, 0 elsewhere; in chunks of them."""
        if not marked:
            return torch.zeros(where_BW.shape, dtype=torch.float64, device=where_BW.device)
        self.batch.counts.add_marked("logit_positions", where_BW)
        # `nonzero` would ask the device for their number.
        rows_N, columns_N = torch.nonzero_static(where_BW, size=marked).unbind(1)
        found_BW = torch.zeros(where_BW.shape, dtype=torch.float64, device=where_BW.device)
        step = max(1, self._chunk() // self.model.vocab_size)
        for start in range(0, len(rows_N), step):
            rows, columns = rows_N[start : start + step], columns_N[start : start + step]
            logits_NV = self.head.logits(self._hidden_BWD, rows, columns, self.layout)
            found_BW[rows, columns] = self.head.likeliest(logits_NV)[1]
        return found_BW

    def shadow(self, written_BK: Tensor) -> Tensor:
        """The probability of what is written, where nothing sees it itself, (B, K) float64."""
        assert self._shadow_BKD is not None, "these passes have no shadows"
        shadow_BKD, self_K = self._shadow_BKD, self.batch.block_K
        self._count(len(self_K))
        logits_BKV = self.head.logits(
            shadow_BKD, self.batch.rows_B1.expand_as(written_BK), self_K.expand_as(written_BK), self.layout
        )
        partition_BK = most_likely(logits_BKV, self.model.mask_token_id)[2]
        return (logits_BKV.gather(2, written_BK[..., None])[..., 0].double() - partition_BK).exp()

    def decoded(self) -> Tensor:
        """The prompt and everything decoded, (B, W) bool."""
        return self.batch.decoded_BW[:, : self.layout.real_BW.shape[1]]

    def _logits(self, columns_BK: Tensor) -> Tensor:
        """Logits of as many columns in each row, (B, K, V)."""
        rows_BK = self.batch.rows_B1.expand_as(columns_BK)
        return self.head.logits(self._hidden_BWD, rows_BK, columns_BK, self.layout)

    def _chunk(self) -> int:
        """How many logits are held at once."""
        return chunk_elements(self._hidden_BWD.device, BYTES, CACHED_ELEMENTS)

    def _count(self, positions: Tensor | int) -> None:
        self.batch.counts.add("logit_positions", positions)
