"""The rows being decoded: one canvas, each row in its own block at its own pace.

Shapes: B rows, P longest prompt, G generated length, K block length, W = P + G.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from axon.state import Reveal
from axon.trace import COUNTS, NOT_DECODED, Trace


@dataclass
class Batch:
    """Row state as tensors with first axis B, so that rows enter and leave by concatenation and indexing."""

    rows: list[int]  # index of each row among the caller's prompts
    prompts: list[tuple[int, ...]]
    generators: list[torch.Generator]  # one a row, or none at all where nothing is sampled
    mask_id: int  # also the padding, which nobody sees
    prompt_BP: Tensor  # padded on the left
    tokens_BG: Tensor
    revealed_at_BG: Tensor  # the step that revealed each token, NOT_DECODED (-1) while masked
    fired_BG: Tensor  # bool by pass: AXON's set was revealed (a row has at most G steps)
    unsupported_BG: Tensor  # bool by pass: and no candidate supported anything
    steps_B: Tensor
    block_B: Tensor  # current block
    block_step_B: Tensor  # steps the current block has had
    anchor_steps_B: Tensor  # AXON interventions in the current block
    last_progress_B: Tensor  # float64, share of the block's masks proposed in its previous step, -1 for none
    memory: dict[str, Tensor]  # of the decoder and the gate, all zeros for a new row
    counts: dict[str, Tensor]  # (B,) each, by the names in COUNTS

    @classmethod
    def start(
        cls,
        rows: Sequence[int],
        prompts: Sequence[tuple[int, ...]],
        generators: Sequence[torch.Generator],
        gen_length: int,
        mask_id: int,
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
            revealed_at_BG=torch.full((count, gen_length), NOT_DECODED, device=device),
            fired_BG=torch.zeros((count, gen_length), dtype=torch.bool, device=device),
            unsupported_BG=torch.zeros((count, gen_length), dtype=torch.bool, device=device),
            steps_B=zeros,
            block_B=zeros,
            block_step_B=zeros,
            anchor_steps_B=zeros,
            last_progress_B=torch.full((count,), -1.0, dtype=torch.float64, device=device),
            memory={},
            counts=dict.fromkeys(COUNTS, zeros),
        )

    def join(self, other: Batch) -> Batch:
        """Both, `other`'s rows last; none of its prompts is longer than the longest here."""
        width = self.prompt_BP.shape[1]
        padded_BP = torch.nn.functional.pad(
            other.prompt_BP, (width - other.prompt_BP.shape[1], 0), value=self.mask_id
        )
        other = replace(other, prompt_BP=padded_BP)
        fresh = {
            name: value.new_zeros((len(other.rows), *value.shape[1:])) for name, value in self.memory.items()
        }
        joined: dict[str, Any] = {
            name: torch.cat([getattr(self, name), getattr(other, name)]) for name in _ROW_TENSORS
        }
        return replace(
            self,
            rows=self.rows + other.rows,
            prompts=self.prompts + other.prompts,
            generators=self.generators + other.generators,
            memory={name: torch.cat([value, fresh[name]]) for name, value in self.memory.items()},
            counts={name: torch.cat([value, other.counts[name]]) for name, value in self.counts.items()},
            **joined,
        )

    def keep(self, places: list[int]) -> Batch:
        """The rows at those places, in that order; the canvas shrinks to the longest prompt left."""
        index = torch.tensor(places, dtype=torch.long, device=self.prompt_BP.device)
        prompts = [self.prompts[place] for place in places]
        chosen: dict[str, Any] = {name: getattr(self, name)[index] for name in _ROW_TENSORS}
        kept = replace(
            self,
            rows=[self.rows[place] for place in places],
            prompts=prompts,
            generators=[self.generators[place] for place in places] if self.generators else [],
            memory={name: value[index] for name, value in self.memory.items()},
            counts={name: value[index] for name, value in self.counts.items()},
            **chosen,
        )
        longest = max((len(prompt) for prompt in prompts), default=0)
        kept.prompt_BP = kept.prompt_BP[:, kept.prompt_BP.shape[1] - longest :]
        return kept

    def reveal(self, places_BK: Tensor, token_BK: Tensor, reveal: Reveal, progress_B: Tensor) -> None:
        """End a step: write the revealed tokens of the block at `places_BK`, and move on rows whose block is full."""
        reveal_BK, fired_B = reveal.positions_BK, reveal.by_axon_B
        assert reveal_BK.shape == places_BK.shape
        step_BK = torch.where(reveal_BK, self.steps_B[:, None], self.revealed_at_BG.gather(1, places_BK))
        shown_BK = torch.where(reveal_BK, token_BK, self.tokens_BG.gather(1, places_BK))
        self.tokens_BG = self.tokens_BG.scatter(1, places_BK, shown_BK)
        self.revealed_at_BG = self.revealed_at_BG.scatter(1, places_BK, step_BK)
        self.fired_BG = self.fired_BG.scatter(1, self.steps_B[:, None], fired_B[:, None])
        unsupported_B1 = reveal.unsupported_B[:, None]
        self.unsupported_BG = self.unsupported_BG.scatter(1, self.steps_B[:, None], unsupported_B1)
        full_B = (step_BK >= 0).all(1)
        self.steps_B = self.steps_B + 1
        self.block_B = self.block_B + full_B.long()
        self.block_step_B = torch.where(full_B, 0, self.block_step_B + 1)
        self.anchor_steps_B = torch.where(full_B, 0, self.anchor_steps_B + fired_B.long())
        self.last_progress_B = torch.where(full_B, -1.0, progress_B)

    def text_over(self, end_ids: Sequence[int]) -> Tensor:
        """Rows (B,) bool whose tokens are final up to and with an end-of-text."""
        final_BG = (self.revealed_at_BG >= 0).long().cumprod(1).bool()
        return (final_BG & one_of(self.tokens_BG, end_ids)).any(1)

    def trace(self, place: int, end_ids: Sequence[int]) -> Trace:
        """What the finished row at `place` leaves behind; what it did not decode is end-of-text."""
        revealed_at_G, tokens_G = self.revealed_at_BG[place], self.tokens_BG[place]
        if end_ids:
            tokens_G = torch.where(revealed_at_G == NOT_DECODED, end_ids[0], tokens_G)
        return Trace(
            prompt=self.prompts[place],
            tokens=tuple(tokens_G.tolist()),
            revealed_at=tuple(revealed_at_G.tolist()),
            axon_steps=tuple(self.fired_BG[place].nonzero()[:, 0].tolist()),
            unsupported_steps=tuple(self.unsupported_BG[place].nonzero()[:, 0].tolist()),
            nfe=int(self.steps_B[place]),
            **{name: int(count_B[place]) for name, count_B in self.counts.items()},
        )


def one_of(tokens: Tensor, ids: Sequence[int]) -> Tensor:
    """Which tokens are among `ids`, bool of their shape."""
    return torch.isin(tokens, torch.tensor(ids, dtype=tokens.dtype, device=tokens.device))


_ROW_TENSORS = tuple(item.name for item in fields(Batch) if item.name.rpartition("_")[2] in ("B", "BP", "BG"))
