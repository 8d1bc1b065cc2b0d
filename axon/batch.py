"""The rows being decoded: one canvas, each row in its own block at its own pace.

Shapes: B rows, P longest prefix, G the generated area, K block length, W = P + G. See blocks.py for prefix and area.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from axon.blocks import RowBlocks
from axon.counts import COUNTS, RowCounts
from axon.elementwise import and_not
from axon.events import REVEAL, Change, Events
from axon.gates import GateMemory
from axon.key_values import KeyValues
from axon.leeway import Leeway
from axon.pace import Pace
from axon.rows import join_rows, keep_rows, places_on
from axon.trace import Trace

NOTHING = -1  # in `stored`


@dataclass
class Batch:
    """Row state as tensors with first axis B: see rows.py for how rows enter and leave."""

    rows: list[int]  # index of each row among the caller's prompts
    prompts: list[tuple[int, ...]]
    blocks: list[RowBlocks]
    generators: list[torch.Generator]  # one a row, or none at all where nothing is sampled
    # NOTHING, or of what each row has in `kept`: the blocks that are final, after the prompt, and under caches that
    # freeze columns the block at whose start they were; of what a row has guessed the block that it is of.
    stored: list[int]
    mask_id: int  # also the padding, which nobody sees
    prefix: int  # P
    # Prefixes, padded on the left, and areas; after a row's own last block come masks that nobody sees.
    canvas_BW: Tensor
    given_B: Tensor  # positions at the start of the area that hold the prompt's remainder
    blocks_B: Tensor  # blocks of the row's own area
    pace: Pace
    last_progress_B: (
        Tensor  # float64, progress of the block's previous step, where a gate needs it; -1 for none
    )
    gate_memory: GateMemory
    decoder_state: Any  # of the decoder's own kind, see Decoder.new_state
    kept: KeyValues | None  # with a cache
    counts: RowCounts
    events: Events
    leeway: Leeway | None  # where it is asked for
    # Blocks, their positions in the area and their columns on the canvas: see places_BK and columns_BK.
    _placed: tuple[list[int], Tensor, Tensor] | None = field(default=None, init=False)

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
        leeway: Leeway | None,
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
            prefix=longest,
            canvas_BW=canvas_BW,
            given_B=of_row_B2[:, 0],
            blocks_B=of_row_B2[:, 1],
            pace=Pace.start(count, device),
            last_progress_B=torch.full((count,), -1.0, dtype=torch.float64, device=device),
            gate_memory=GateMemory(zeros),
            decoder_state=decoder_state,
            kept=kept,
            counts=RowCounts(zeros.new_zeros((count, len(COUNTS)))),
            events=Events.none(count, area, device),
            leeway=leeway,
        )

    # What a membership fixes is made once: rows enter and leave by making another Batch.

    @cached_property
    def tokens_BG(self) -> Tensor:
        """The areas, as they lie on the canvas."""
        return self.canvas_BW[:, self.prefix :]

    @cached_property
    def zeros_B(self) -> Tensor:
        """A number of each row that is 0."""
        return torch.zeros_like(self.given_B)

    @cached_property
    def zeros_BK(self) -> Tensor:
        """A number of each position of the blocks that is 0."""
        return self.zeros_B[:, None].expand(-1, len(self.block_K))

    @cached_property
    def rows_B1(self) -> Tensor:
        """Places of all rows."""
        return torch.arange(len(self.rows), device=self.canvas_BW.device)[:, None]

    @cached_property
    def block_K(self) -> Tensor:
        """Places in a block."""
        return torch.arange(self.blocks[0].block_length, device=self.canvas_BW.device)

    @cached_property
    def reveals_BK(self) -> Tensor:
        """The kind of a change that only reveals."""
        return torch.full_like(self.rows_B1, REVEAL).expand(-1, len(self.block_K))

    @cached_property
    def generated_BG(self) -> Tensor:
        """Positions of the area that don't hold the prompt's remainder, bool."""
        return torch.arange(self.tokens_BG.shape[1], device=self.given_B.device) >= self.given_B[:, None]

    @cached_property
    def prompt_BW(self) -> Tensor:
        """Columns of the canvas that hold the prompt, bool."""
        first_B = self.prefix - places_on([row.prefix for row in self.blocks], self.canvas_BW.device)
        real_BP = torch.arange(self.prefix, device=self.canvas_BW.device) >= first_B[:, None]
        return torch.cat([real_BP, ~self.generated_BG], 1)

    @cached_property
    def _remainders(self) -> bool:
        return any(row.given for row in self.blocks)

    def some(self, places: list[int]) -> Tensor | None:
        """Those places on the device, for `of_rows`; None: all, which then needs no copy."""
        return None if len(places) == len(self.rows) else places_on(places, self.canvas_BW.device)

    @property
    def block_B(self) -> Tensor:
        """The current block of each row."""
        return self.pace.block_B

    @property
    def block_step_B(self) -> Tensor:
        """Steps that the current block has had."""
        return self.pace.block_step_B

    def read(self, revises: bool) -> list[list[int]]:
        """See `Pace.read`; where a decoder `revises`, for which a log may be too short, the number of events, too."""
        if not revises:
            return self.pace.read()
        *numbers, last = self.pace.read(self.events.last_B1)
        self.events.most = max(last) + 1
        return numbers

    def places_BK(self, blocks: list[int]) -> Tensor:
        """Positions of the current blocks in the area: one tensor for as long as they are `blocks`, their block_B."""
        return self._at(blocks)[1]

    def columns_BK(self, blocks: list[int]) -> Tensor:
        """The same on the canvas."""
        return self._at(blocks)[2]

    def _at(self, blocks: list[int]) -> tuple[list[int], Tensor, Tensor]:
        if self._placed is None or self._placed[0] != blocks:
            places_BK = self.block_B[:, None] * len(self.block_K) + self.block_K
            self._placed = blocks, places_BK, places_BK + self.prefix
        return self._placed

    @property
    def masked_BG(self) -> Tensor:
        """Generated positions without a token, bool; what the prompt holds is never masked, not even a mask token."""
        return (self.tokens_BG == self.mask_id) & self.generated_BG

    def revealed(self) -> Tensor:
        """The share of each row's generated positions that have a token, (B,) float64."""
        revealed_BG = (self.tokens_BG != self.mask_id) & self.generated_BG
        return revealed_BG.sum(1).double() / (self.blocks_B * len(self.block_K) - self.given_B)

    def masked(self, token_BK: Tensor, places_BK: Tensor) -> Tensor:
        """Where `token_BK`, at places of the area, is the mask token and not the prompt's, bool."""
        masked_BK = token_BK == self.mask_id
        return masked_BK & (places_BK >= self.given_B[:, None]) if self._remainders else masked_BK

    @property
    def decoded_BW(self) -> Tensor:
        """The prompt and everything decoded, bool."""
        return (self.canvas_BW != self.mask_id) | self.prompt_BW

    def join(self, other: Batch) -> Batch:
        """Both, `other`'s rows last, which are fresh; the canvas grows to the longest prompt of all."""
        longest = max(self.prefix, other.prefix)
        self.counts.settle()
        other.counts.settle()
        self.events.settle()
        other.events.widen(self.events.room)
        if self.kept is not None and other.kept is not None:
            self.kept.shift(longest - self.prefix)
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
        more = longest - self.prefix
        canvas_BW = torch.nn.functional.pad(self.canvas_BW, (more, 0), value=self.mask_id)
        return replace(self, prefix=longest, canvas_BW=canvas_BW)

    def keep(self, places: list[int]) -> Batch:
        """The rows at those places, in that order; the canvas shrinks to the longest prompt left."""
        blocks = [self.blocks[place] for place in places]
        self.counts.settle()
        self.events.settle()
        kept = keep_rows(self, torch.tensor(places, dtype=torch.long, device=self.canvas_BW.device))
        longest = max((row.prefix for row in blocks), default=0)
        dropped = self.prefix - longest
        return replace(
            kept,
            rows=[self.rows[place] for place in places],
            prompts=[self.prompts[place] for place in places],
            blocks=blocks,
            generators=[self.generators[place] for place in places] if self.generators else [],
            stored=[self.stored[place] for place in places],
            prefix=longest,
            canvas_BW=kept.canvas_BW[:, dropped:],
            kept=kept.kept and kept.kept.without(dropped),
        )

    def end_step(
        self,
        places_BK: Tensor,
        written_BK: Tensor,
        change: Change,
        fired_B: Tensor | None,
        broken_B: Tensor,
        progress_B: Tensor | None,
        post_steps: int,
    ) -> None:
        """Write a step's change of the block at `places_BK`, which holds `written_BK`.

        Rows without a mask left in it go on to the next, after at most `post_steps` steps more (`Decoder.post_steps`).
        `fired_B`, `broken_B`: see `Pace.end_step`. `progress_B`: of the decoder's proposal; None where no gate needs
        it.
        """
        token_BK = torch.where(change.happens_BK, change.token_BK, written_BK)
        self.tokens_BG.scatter_(1, places_BK, token_BK)
        positions_BK = places_BK - self.given_B[:, None] if self._remainders else places_BK
        self.events.append(change, positions_BK)
        full_B = ~self.masked(token_BK, places_BK).any(1)
        over_B, post_B = full_B, None
        if post_steps:
            more_B = change.happens_BK.any(1) & (self.pace.post_steps_B < post_steps)
            over_B, post_B = and_not(full_B, more_B), full_B & more_B
        self.pace.end_step(over_B, fired_B, broken_B, post_B)
        if progress_B is not None:
            self.last_progress_B = progress_B.masked_fill(over_B, -1.0)

    def trace(self, place: int, end_ids: Sequence[int], revises: bool) -> Trace:
        """What the finished row at `place` leaves behind; what it did not decode is end-of-text.

        `revises`: whether the decoder does.
        """
        own = self.blocks[place]
        tokens: list[int] = self.tokens_BG[place, own.given : own.area].tolist()
        if end_ids:
            tokens = [end_ids[0] if token == self.mask_id else token for token in tokens]
        events = self.events.of_row(place)
        return Trace(
            prompt=self.prompts[place],
            tokens=tuple(tokens),
            events=events,
            nfe=int(self.pace.steps_B[place]),
            confidences=self.events.confidences(place, len(events)),
            revised=self.blocks[place] if revises else None,
            leeway=None if self.leeway is None else self.leeway.of_row(place),
            **self.counts.of_row(place),
        )
