"""The rows being decoded: one canvas, each row in its own block at its own pace.

Shapes: B rows, P longest prompt, G generated length, K block length, W = P + G.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from axon.counts import COUNTS, RowCounts
from axon.events import Change, Events
from axon.gates import GateMemory
from axon.rows import join_rows, keep_rows
from axon.trace import Trace


@dataclass
class Batch:
    """Row state as tensors with first axis B: see rows.py for how rows enter and leave."""

    rows: list[int]  # index of each row among the caller's prompts
    prompts: list[tuple[int, ...]]
    generators: list[torch.Generator]  # one a row, or none at all where nothing is sampled
    mask_id: int  # also the padding, which nobody sees
    prompt_BP: Tensor  # padded on the left
    tokens_BG: Tensor
    steps_B: Tensor
    block_B: Tensor  # current block
    block_step_B: Tensor  # steps the current block has had
    anchor_steps_B: Tensor  # AXON interventions in the current block
    last_progress_B: Tensor  # float64, progress of the block's previous step, -1 for none
    gate_memory: GateMemory
    decoder_state: Any  # of the decoder's own kind, see Decoder.new_state
    counts: RowCounts
    events: Events

    @classmethod
    def start(
        cls,
        rows: Sequence[int],
        prompts: Sequence[tuple[int, ...]],
        generators: Sequence[torch.Generator],
        gen_length: int,
        mask_id: int,
        decoder_state: object,
        device: torch.device,
    ) -> Batch:
        """Fresh rows, everything masked."""
        count, longest = len(rows), max(len(prompt) for prompt in prompts)
        padded = [(mask_id,) * (longest - len(prompt)) + tuple(prompt) for prompt in prompts]
        zeros = torch.zeros(count, dtype=torch.long, device=device)
        return cls(
            rows=list(rows),
            prompts=list(prompts),
            generators=list(generators),
            mask_id=mask_id,
            prompt_BP=torch.tensor(padded, dtype=torch.long, device=device).view(count, longest),
            tokens_BG=torch.full((count, gen_length), mask_id, device=device),
            steps_B=zeros,
            block_B=zeros,
            block_step_B=zeros,
            anchor_steps_B=zeros,
            last_progress_B=torch.full((count,), -1.0, dtype=torch.float64, device=device),
            gate_memory=GateMemory(zeros),
            decoder_state=decoder_state,
            counts=RowCounts(zeros.new_zeros((count, len(COUNTS)))),
            events=Events.none(count, gen_length, device),
        )

    @property
    def masked_BG(self) -> Tensor:
        """Generated positions that hold no token, bool."""
        return self.tokens_BG == self.mask_id

    def join(self, other: Batch) -> Batch:
        """Both, `other`'s rows last; none of its prompts is longer than the longest here."""
        width = self.prompt_BP.shape[1]
        padded_BP = torch.nn.functional.pad(
            other.prompt_BP, (width - other.prompt_BP.shape[1], 0), value=self.mask_id
        )
        other.events.widen(self.events.room)
        return replace(
            join_rows(self, replace(other, prompt_BP=padded_BP)),
            rows=self.rows + other.rows,
            prompts=self.prompts + other.prompts,
            generators=self.generators + other.generators,
        )

    def keep(self, places: list[int]) -> Batch:
        """The rows at those places, in that order; the canvas shrinks to the longest prompt left."""
        prompts = [self.prompts[place] for place in places]
        kept = keep_rows(self, torch.tensor(places, dtype=torch.long, device=self.prompt_BP.device))
        longest = max((len(prompt) for prompt in prompts), default=0)
        return replace(
            kept,
            rows=[self.rows[place] for place in places],
            prompts=prompts,
            generators=[self.generators[place] for place in places] if self.generators else [],
            prompt_BP=kept.prompt_BP[:, kept.prompt_BP.shape[1] - longest :],
        )

    def end_step(self, places_BK: Tensor, change: Change, progress_B: Tensor) -> None:
        """Write a step's change of the block at `places_BK`; rows without a mask left in it go on to the next."""
        token_BK = torch.where(change.kind_BK > 0, change.token_BK, self.tokens_BG.gather(1, places_BK))
        self.tokens_BG = self.tokens_BG.scatter(1, places_BK, token_BK)
        self.events.append(change, self.steps_B, places_BK)
        full_B = (token_BK != self.mask_id).all(1)
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
        counts: list[int] = self.counts.amount_BN[place].tolist()
        return Trace(
            prompt=self.prompts[place],
            tokens=tuple(tokens_G.tolist()),
            events=self.events.of_row(place),
            nfe=int(self.steps_B[place]),
            **dict(zip(COUNTS, counts, strict=True)),
        )


def one_of(tokens: Tensor, ids: Sequence[int]) -> Tensor:
    """Which tokens are among `ids`, bool of their shape."""
    return torch.isin(tokens, torch.tensor(ids, dtype=tokens.dtype, device=tokens.device))
