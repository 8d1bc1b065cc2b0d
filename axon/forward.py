"""One forward pass over the canvas. The head is applied only where somebody reads, and is counted here.

Shapes: B rows, K block length, G generated length, W canvas width, V vocabulary, N flat positions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from axon.attention import Capture
from axon.batch import Batch
from axon.beliefs import CHUNK_ELEMENTS, most_likely
from axon.block_attention import BlockAttention
from axon.models.model import Layout, MaskedDiffusionModel
from axon.state import PartTimer


class Forward:
    """One function evaluation of every row, and what can be read from it."""

    def __init__(
        self,
        model: MaskedDiffusionModel,
        batch: Batch,
        layout: Layout,
        block_length: int,
        layers: tuple[int, ...],
        timer: PartTimer,
    ) -> None:
        """`layers` are those whose attention is captured; none where nobody asks for it."""
        self.model = model
        self.batch = batch
        self.layout = layout
        block_K = torch.arange(block_length, device=batch.block_B.device)
        self.places_BK = batch.block_B[:, None] * block_length + block_K  # generated positions of the block
        self.columns_BK = self.places_BK + batch.prompt_BP.shape[1]  # the same on the canvas
        capture = Capture(layers, layout.real_BW)
        self.attention = BlockAttention(capture, self.columns_BK, layout.width_B, timer)
        with timer("model"):
            canvas_BW = torch.cat([batch.prompt_BP, batch.tokens_BG], 1)
            self._hidden_BWD = model(canvas_BW, layout, capture if layers else None)
            self.logits_BKV = self._logits(self.columns_BK)
        batch.counts.add("computed_positions", layout.width_B)

    def log_probs(self) -> Tensor:
        """Log-probabilities of every generated position, (B, G, V) float64."""
        count, width = self._hidden_BWD.shape[:2]
        columns_G = torch.arange(self.batch.prompt_BP.shape[1], width, device=self._hidden_BWD.device)
        return self._logits(columns_G.expand(count, -1)).double().log_softmax(-1)

    def p_max_at(self, where_BW: Tensor) -> Tensor:
        """p* at the marked positions, (B, W) float64, 0 elsewhere; a chunk of positions at a time."""
        self._count(where_BW.sum(1))
        rows_N, columns_N = where_BW.nonzero(as_tuple=True)
        found_BW = torch.zeros(where_BW.shape, dtype=torch.float64, device=where_BW.device)
        step = max(1, CHUNK_ELEMENTS // self.model.vocab_size)
        for start in range(0, len(rows_N), step):
            rows, columns = rows_N[start : start + step], columns_N[start : start + step]
            logits_NV = self.model.logits(self._hidden_BWD, rows, columns, self.layout)
            found_BW[rows, columns] = most_likely(logits_NV, self.model.mask_token_id)[1]
        return found_BW

    def decoded(self) -> Tensor:
        """The prompt and everything decoded, (B, W) bool."""
        prompt_BP = self.layout.real_BW[:, : self.batch.prompt_BP.shape[1]]
        return torch.cat([prompt_BP, ~self.batch.masked_BG], 1)

    def _logits(self, columns_BK: Tensor) -> Tensor:
        """Logits of as many columns in each row, (B, K, V)."""
        self._count(columns_BK.shape[1])
        rows_B1 = torch.arange(len(columns_BK), device=columns_BK.device)[:, None]
        return self.model.logits(self._hidden_BWD, rows_B1.expand_as(columns_BK), columns_BK, self.layout)

    def _count(self, positions: Tensor | int) -> None:
        self.batch.counts.add("logit_positions", positions)
