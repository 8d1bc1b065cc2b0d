"""Decoders that take tokens back in ways that none of those shipped does, which the sampler is ready for as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from axon.decoders import Decoder
from axon.proposal import Proposal
from axon.state import StepState


@dataclass
class Remasked:
    """How often each generated position has been masked again."""

    times_BG: Tensor


@dataclass(frozen=True, kw_only=True)
class Remasking(Decoder):
    """Reveals by a threshold; masks again a token that the model now finds less likely than `low`, `times` at most."""

    revises: ClassVar[bool] = True

    name: str = "remasking"
    threshold: float = 0.4
    low: float = 0.6
    times: int = 2

    def new_state(
        self, rows: int, gen_length: int, block_length: int, vocab_size: int, device: Any
    ) -> Remasked:
        return Remasked(torch.zeros((rows, gen_length), dtype=torch.long, device=device))

    def propose(self, state: StepState) -> Proposal:
        seen = state.decoder_state
        assert isinstance(seen, Remasked)
        written_BK = state.log_probs().gather(2, state.written_BK[..., None])[..., 0].exp()
        often_BK = seen.times_BG.gather(1, state.places_BK) >= self.times
        remask_BK = ~state.masked_BK & (written_BK < self.low) & ~often_BK
        seen.times_BG = seen.times_BG.scatter_add(1, state.places_BK, remask_BK.long())
        return Proposal(state.masked_BK & (state.confidence_BK >= self.threshold), remask_BK)


@dataclass(frozen=True, kw_only=True)
class RemaskingForever(Decoder):
    """Reveals one token and masks every other again, for ever."""

    revises: ClassVar[bool] = True

    name: str = "remasking_forever"

    def propose(self, state: StepState) -> Proposal:
        return Proposal(state.top_one(), ~state.masked_BK)


@dataclass(frozen=True, kw_only=True)
class Editing(Decoder):
    """Reveals by a threshold; overwrites a token where the model now prefers another, and remasks one."""

    revises: ClassVar[bool] = True

    name: str = "editing"
    threshold: float = 0.7
    sure: float = 0.3

    def propose(self, state: StepState) -> Proposal:
        other_BK = ~state.masked_BK & (state.token_BK != state.written_BK)
        replace_BK = other_BK & (state.confidence_BK >= self.sure)
        first_BK = (state.places_BK == state.places_BK[:, :1]) & (state.block_step_B == 1)[:, None]
        return Proposal(
            reveal_BK=state.masked_BK & (state.confidence_BK >= self.threshold),
            remask_BK=first_BK & ~state.masked_BK & ~replace_BK,
            replace_BK=replace_BK,
            token_BK=state.token_BK,
        )


@dataclass(frozen=True, kw_only=True)
class Polishing(Decoder):
    """Reveals by a threshold; masks the least likely token of a full block again, as long as it may."""

    revises: ClassVar[bool] = True

    name: str = "polishing"
    threshold: float = 0.4
    times: int = 3

    @property
    def post_steps(self) -> int:
        return self.times

    def propose(self, state: StepState) -> Proposal:
        full_B1 = ~state.masked_BK.any(1, keepdim=True)
        written_BK = state.log_probs().gather(2, state.written_BK[..., None])[..., 0].exp()
        return Proposal(
            state.masked_BK & (state.confidence_BK >= self.threshold),
            state.highest(-written_BK) & full_B1 & (written_BK < 0.5),
        )


TOYS = {toy.name: toy for toy in (Remasking(), RemaskingForever(), Editing(), Polishing())}
