"""The rows being decoded: one canvas, each row in its own block at its own pace.

Shapes: B rows, P longest prefix, G the generated area, K block length, W = P + G. See blocks.py for prefix and area.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from axon.blocks import RowBlocks
from axon.counts import COUNTS, RowCounts
from axon.events import Change, Events
from axon.gates import GateMemory
from axon.key_values import KeyValues
from axon.rows import join_rows, keep_rows
from axon.trace import Trace

NOTHING = -1  # in `stored`


@dataclass
class Batch:
    """Row state as tensors with first axis B: see rows.py for how rows enter and leave."""

    rows: list[int]  # index of each row among the caller's prompts
    prompts: list[tuple[int, ...]]
    blocks: list[RowBlocks]
    generators: list[torch.Generator]  # one a row, or none at all where nothing is sampled
    stored: list[
        int
    ]  # blocks of each row that are final in `kept`, after the prompt; NOTHING: not even that is there
    mask_id: int  # also the padding, which nobody sees
    prefix_BP: Tensor  # of the prompts, padded on the left
    tokens_BG: Tensor  # the area; after a row's own last block come masks that nobody sees
    given_B: Tensor  # positions at the start of the area that hold the prompt's remainder
    blocks_B: Tensor  # blocks of the row's own area
    steps_B: Tensor
    block_B: Tensor  # current block
    block_step_B: Tensor  # steps the current block has had
    anchor_steps_B: Tensor  # AXON interventions in the current block
    last_progress_B: Tensor  # float64, progress of the block's previous step, -1 for none
    gate_memory: GateMemory
    decoder_state: Any  # of the decoder's own kind, see Decoder.new_state
    kept: KeyValues | None  # with a cache
    counts: RowCounts
    events: Events

    @classmethod
    def start(
        cls,
        rows: Sequence[int],
        prompts: Sequence[tuple[int, ...]],
        blocks: Sequence[RowBlocks],
        generators: Sequence[torch.Generator],
        area: int,
        mask_id: int,
        decoder_state: object,
        kept: KeyValues | None,
        device: torch.device,
    ) -> Batch:
        """Fresh rows, everything masked; `area` is at least that of each row, and the same in all that are to join."""
        count, longest = len(rows), max(row.prefix for row in blocks)
        canvas = [
            (mask_id,) * (longest - row.prefix) + prompt + (mask_id,) * (area - row.given)
            for prompt, row in zip(prompts, blocks, strict=True)
        ]
        canvas_BW = torch.tensor(canvas, dtype=torch.long, device=device).view(count, longest + area)
        of_row_B2 = torch.tensor([(row.given, row.count) for row in blocks], dtype=torch.long, device=device)
        zeros = torch.zeros(count, dtype=torch.long, device=device)
        return cls(
            rows=list(rows),
            prompts=list(prompts),
            blocks=list(blocks),
            generators=list(generators),
            stored=[NOTHING] * count,
            mask_id=mask_id,
            prefix_BP=canvas_BW[:, :longest],
            tokens_BG=canvas_BW[:, longest:],
            given_B=of_row_B2[:, 0],
            blocks_B=of_row_B2[:, 1],
            steps_B=zeros,
            block_B=zeros,
            block_step_B=zeros,
            anchor_steps_B=zeros,
            last_progress_B=torch.full((count,), -1.0, dtype=torch.float64, device=device),
            gate_memory=GateMemory(zeros),
            decoder_state=decoder_state,
            kept=kept,
            counts=RowCounts(zeros.new_zeros((count, len(COUNTS)))),
            events=Events.none(count, area, device),
        )

    @property
    def generated_BG(self) -> Tensor:
        """Positions of the area that don't hold the prompt's remainder, bool."""
        return torch.arange(self.tokens_BG.shape[1], device=self.given_B.device) >= self.given_B[:, None]

    @property
    def masked_BG(self) -> Tensor:
        """Generated positions without a token, bool; what the prompt holds is never masked, not even a mask token."""
        return (self.tokens_BG == self.mask_id) & self.generated_BG

    @property
    def over_B(self) -> Tensor:
        """Rows without a block left, bool."""
        return self.block_B == self.blocks_B

    def join(self, other: Batch) -> Batch:
        """Both, `other`'s rows last, which are fresh; the canvas grows to the longest prompt of all."""
        longest = max(self.prefix_BP.shape[1], other.prefix_BP.shape[1])
        other.events.widen(self.events.room)
        if self.kept is not None and other.kept is not None:
            self.kept.shift(longest - self.prefix_BP.shape[1])
            other.kept.widen(self.kept.width)
        return replace(
            join_rows(self._padded(longest), other._padded(longest)),
            rows=self.rows + other.rows,
            prompts=self.prompts + other.prompts,
            blocks=self.blocks + other.blocks,
            generators=self.generators + other.generators,
            stored=self.stored + other.stored,
        )

    def _padded(self, longest: int) -> Batch:
        """The same with prefixes as long as that."""
        more = longest - self.prefix_BP.shape[1]
        return replace(self, prefix_BP=torch.nn.functional.pad(self.prefix_BP, (more, 0), value=self.mask_id))

    def keep(self, places: list[int]) -> Batch:
        """The rows at those places, in that order; the canvas shrinks to the longest prompt left."""
        blocks = [self.blocks[place] for place in places]
        kept = keep_rows(self, torch.tensor(places, dtype=torch.long, device=self.prefix_BP.device))
        longest = max((row.prefix for row in blocks), default=0)
        dropped = kept.prefix_BP.shape[1] - longest
        return replace(
            kept,
            rows=[self.rows[place] for place in places],
            prompts=[self.prompts[place] for place in places],
            blocks=blocks,
            generators=[self.generators[place] for place in places] if self.generators else [],
            stored=[self.stored[place] for place in places],
            prefix_BP=kept.prefix_BP[:, dropped:],
            kept=kept.kept and kept.kept.without(dropped),
        )

    def end_step(self, places_BK: Tensor, change: Change, progress_B: Tensor) -> None:
        """Write a step's change of the block at `places_BK`; rows without a mask left in it go on to the next."""
        token_BK = torch.where(change.kind_BK > 0, change.token_BK, self.tokens_BG.gather(1, places_BK))
        self.tokens_BG = self.tokens_BG.scatter(1, places_BK, token_BK)
        generated_BK = places_BK >= self.given_B[:, None]
        self.events.append(change, self.steps_B, places_BK - self.given_B[:, None])
        full_B = ((token_BK != self.mask_id) | ~generated_BK).all(1)
        fired_B = (change.by_BK > 0).any(1)
        self.steps_B = self.steps_B + 1
        self.block_B = self.block_B + full_B.long()
        self.block_step_B = torch.where(full_B, 0, self.block_step_B + 1)
        self.anchor_steps_B = torch.where(full_B, 0, self.anchor_steps_B + fired_B.long())
        self.last_progress_B = torch.where(full_B, -1.0, progress_B)

    def trace(self, place: int, end_ids: Sequence[int]) -> Trace:
        """What the finished row at `place` leaves behind; what it did not decode is end-of-text."""
        tokens_G = self.tokens_BG[place]
        if end_ids:
            tokens_G = torch.where(self.masked_BG[place], end_ids[0], tokens_G)
        tokens_G = tokens_G[self.blocks[place].given : self.blocks[place].area]
        counts: list[int] = self.counts.amount_BN[place].tolist()
        return Trace(
            prompt=self.prompts[place],
            tokens=tuple(tokens_G.tolist()),
            events=self.events.of_row(place),
            nfe=int(self.steps_B[place]),
            **dict(zip(COUNTS, counts, strict=True)),
        )
