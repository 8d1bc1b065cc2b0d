"""Steps over a batch: predict, propose, let AXON intervene, write.

Shapes: B rows, K block length, G generated length.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from axon.batch import Batch
from axon.branch_passes import BranchPasses
from axon.cached_passes import BlockPasses
from axon.elementwise import and_not
from axon.events import REMASK, REPLACE, Change
from axon.forward import Forward
from axon.frozen_passes import FrozenPasses
from axon.gates import gate_of, progress
from axon.guesses import Ahead
from axon.intervene import intervene
from axon.models.model import MaskedDiffusionModel
from axon.pace import ANCHOR_STEPS, BLOCK, BLOCK_STEP, BROKEN, FULL, TEXT_OVER
from axon.passes import Passes, WholePasses
from axon.proposal import REMASK_STEPS, Proposal, Reveal
from axon.reads import Undeclared
from axon.settings import DecodeSettings
from axon.shadow_passes import ShadowPasses
from axon.state import PartTimer, StepState
from axon.tokens import one_of
from axon.view import view
from axon.watch import Watcher


@dataclass(frozen=True)
class Sampler:
    """Everything that stays the same from step to step."""

    model: MaskedDiffusionModel
    settings: DecodeSettings
    layers: tuple[int, ...]
    timer: PartTimer
    watcher: Watcher | None = None

    def until_finish(self, batch: Batch) -> list[int]:
        """Steps over a batch of fixed membership until some row is finished; the places of the finished rows.

        A step waits for the device once at its end, for all that the next one has to know of it, and at most once
        more within: where a gate says which rows it fires in, or where a decoder asks.
        """
        settings = self.settings
        passes = self._passes(batch)
        read = batch.read(settings.decoder.revises)
        while True:
            self.one_step(batch, passes, read[BLOCK], self._asked(read))
            if settings.end_of_text == "stop_at_eos":
                batch.pace.text_over_B.copy_(self._text_over(batch))
            read = batch.read(settings.decoder.revises)
            if any(read[BROKEN]):
                raise AssertionError(
                    f"decoder {settings.decoder.name}: its proposal breaks a rule of axon/proposal.py; reveal only "
                    "masked positions, remask or replace only revealed ones, and write no mask token"
                )
            ended = [
                place
                for place, (block, over) in enumerate(zip(read[BLOCK], read[TEXT_OVER], strict=True))
                if over or block == batch.blocks[place].count
            ]
            if ended:
                return ended

    def _passes(self, batch: Batch) -> Passes:
        if batch.kept is None:
            decoder = self.settings.decoder
            if decoder.branches > 1:
                return BranchPasses(self.model, batch, self.settings)
            over = ShadowPasses if decoder.needs_shadow else WholePasses
            return over(self.model, batch, self.settings)
        kind = BlockPasses if self.settings.cache == "block" else FrozenPasses
        return kind(self.model, batch, batch.kept, self.settings, self.layers)

    def one_step(self, batch: Batch, passes: Passes, blocks: list[int], asked: list[int]) -> None:
        """One function evaluation of every row and what follows.

        `blocks`: the batch's block_B, as the host knows it. `asked`: places of the rows whose gate is evaluated.
        """
        decoder, gate = self.settings.decoder, gate_of(self.settings.axon)
        layers = self.layers if decoder.needs_attention or asked else ()
        forward = Forward(self.model, batch, passes, blocks, self.settings, layers, self.timer)
        state = view(forward, self.settings, self.timer)
        with self.timer("select"):
            proposal = decoder.propose(state)
            if not isinstance(proposal, Proposal):
                kind = type(proposal).__name__
                raise AssertionError(
                    f"decoder {decoder.name}: propose returns a {kind}; let it return a Proposal"
                )
            broken_B = proposal.broken_B(state.masked_BK, batch.mask_id)
            some_B1, top_one_BK = proposal.reveal_BK.any(1, keepdim=True), state.top_one()
            reveal_BK = proposal.reveal_BK | and_not(top_one_BK, some_B1)
            if batch.leeway is not None:
                batch.leeway = batch.leeway.narrowed(proposal, reveal_BK, top_one_BK, state.confidence_BK)
            progress_B = None
            if gate is not None and gate.needs_last_progress:
                progress_B = progress(state.masked_BK, reveal_BK)
        reveal = Reveal(reveal_BK)
        if gate is not None and asked:
            asked_R, axon = batch.some(asked), self.settings.axon
            reveal = intervene(state, forward, reveal_BK, asked_R, gate, axon, self.timer, self.watcher)
        if self.watcher is not None:
            self.watcher.stepped(batch, state, reveal_BK)
        with self.timer("select"):
            if decoder.post_steps:
                batch.counts.add("post_steps", batch.pace.full_B)
            change = self._change(state, proposal, reveal, forward.ahead, batch)
            if decoder.revises:
                batch.events.reserve(self.settings.block)
            batch.end_step(
                forward.places_BK,
                state.written_BK,
                change,
                reveal.fired_B,
                broken_B,
                progress_B,
                decoder.post_steps,
            )

    def _asked(self, read: list[list[int]]) -> list[int]:
        """Places of the rows whose gate is evaluated in the next step.

        AXON's budget for their block is not spent, and there is something to choose: the block is not full.
        """
        axon = self.settings.axon
        if axon.gate == "never":
            return []
        spent = read[BLOCK_STEP if axon.budget_counts == "steps" else ANCHOR_STEPS]
        return [
            place
            for place, (steps, full) in enumerate(zip(spent, read[FULL], strict=True))
            if steps < axon.max_anchor_steps and not full
        ]

    def _change(
        self, state: StepState, proposal: Proposal, reveal: Reveal, ahead: Ahead | None, batch: Batch
    ) -> Change:
        """The reveal, and the decoder's remasking and replacing where it does any; never of the prompt."""
        if proposal.revises and not self.settings.decoder.revises:
            raise Undeclared(
                f"decoder {self.settings.decoder.name} remasks or replaces; declare revises in its class"
            )
        happens_BK, token_BK, kind_BK = reveal.positions_BK, state.token_BK, batch.reveals_BK
        by_BK = batch.zeros_BK if reveal.by_B is None else reveal.by_B[:, None].expand_as(token_BK)
        if ahead is not None:  # revealed besides, whoever chose the rest
            kept_BK, by_BK = ahead.happens_BK, by_BK * happens_BK
            token_BK = torch.where(kept_BK, ahead.token_BK, token_BK)
            confidence_BK = torch.where(kept_BK, ahead.confidence_BK, state.confidence_BK)
            return Change(happens_BK | kept_BK, kind_BK, token_BK, by_BK, confidence_BK)
        if not proposal.revises:
            return Change(happens_BK, kind_BK, token_BK, by_BK, state.confidence_BK)
        by_BK = by_BK * happens_BK
        # Not the prompt, and not the masks of sub-blocks that are not open yet.
        revisable_BK = state.revisable()
        if proposal.remask_BK is not None:
            in_time_B = state.block_step_B < REMASK_STEPS * self.settings.block
            remask_BK = proposal.remask_BK & in_time_B[:, None] & revisable_BK
            state.counts.add_marked("remasked", remask_BK)
            happens_BK = happens_BK | remask_BK
            kind_BK = kind_BK.masked_fill(remask_BK, REMASK)
            token_BK = token_BK.masked_fill(remask_BK, batch.mask_id)
        if proposal.replace_BK is not None and proposal.token_BK is not None:
            replace_BK = proposal.replace_BK & revisable_BK
            state.counts.add_marked("replaced", replace_BK)
            happens_BK = happens_BK | replace_BK
            kind_BK = kind_BK.masked_fill(replace_BK, REPLACE)
            token_BK = torch.where(replace_BK, proposal.token_BK, token_BK)
        return Change(happens_BK, kind_BK, token_BK, by_BK, state.confidence_BK)

    def _text_over(self, batch: Batch) -> Tensor:
        """Rows (B,) bool whose tokens are final up to and with an end-of-text.

        A token is final once it is revealed, or with a decoder that revises once its block has ended.
        """
        final_BG = ~batch.masked_BG
        if self.settings.decoder.revises:
            ended_B = batch.block_B * self.settings.block
            final_BG = torch.arange(final_BG.shape[1], device=ended_B.device) < ended_B[:, None]
        ends_BG = one_of(batch.tokens_BG, self.model.end_token_ids) & batch.generated_BG
        return (final_BG.long().cumprod(1).bool() & ends_BG).any(1)
