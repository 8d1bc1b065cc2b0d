"""Steps over a batch: look, propose, let AXON intervene, reveal.

Shapes: B rows, K block length, W canvas width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from axon.attention import Capture
from axon.batch import Batch, one_of
from axon.beliefs import CHUNK_ELEMENTS, most_likely, sample, uniform
from axon.gates import GATES, progress
from axon.intervene import intervene
from axon.models.model import Layout, MaskedDiffusionModel
from axon.settings import DecodeSettings
from axon.state import Context, PartTimer, Reveal, StepState, top_one


@dataclass(frozen=True)
class Sampler:
    """Everything that stays the same from pass to pass."""

    model: MaskedDiffusionModel
    settings: DecodeSettings
    layers: tuple[int, ...]
    timer: PartTimer

    def until_finish(self, batch: Batch) -> list[int]:
        """Steps over a batch of fixed membership until some row is finished; the places of the finished rows."""
        settings = self.settings
        layout = self.model.layout(
            [len(prompt) for prompt in batch.prompts], settings.gen_length, settings.block_length
        )
        while True:
            self.one_step(batch, layout)
            over_B = batch.block_B == settings.gen_length // settings.block_length
            if settings.end_of_text == "stop_at_eos":
                over_B = over_B | batch.text_over(self.model.end_token_ids)
            finished: list[int] = over_B.nonzero()[:, 0].tolist()
            if finished:
                return finished

    def one_step(self, batch: Batch, layout: Layout) -> None:
        """One function evaluation of every row, and what it reveals."""
        decoder, gate = self.settings.decoder, GATES[self.settings.axon.gate]
        looking = batch.steps_B[:0]  # places of the rows whose gate is asked
        if gate is not None:
            looking = (batch.anchor_steps_B < self.settings.axon.max_anchor_steps).nonzero()[:, 0]
        attended = decoder.needs_attention or len(looking)
        capture = Capture(self.layers, layout.real_BW) if attended else None
        places_BK = self._places(batch)
        state = self._look(batch, layout, places_BK, capture)
        state.count("computed_positions", layout.real_BW.sum(1))
        state.count("logit_positions", torch.full_like(batch.steps_B, places_BK.shape[1]))
        with self.timer("select"):
            reveal_BK = decoder.propose(state, self.settings.gen_length)
            reveal_BK = reveal_BK | (top_one(state) & ~reveal_BK.any(1, keepdim=True))
            progress_B = progress(state.masked_BK, reveal_BK)
        nobody_B = torch.zeros_like(progress_B, dtype=torch.bool)
        reveal = Reveal(reveal_BK, by_axon_B=nobody_B, unsupported_B=nobody_B)
        if gate is not None and len(looking):
            assert capture is not None
            reveal = intervene(
                state,
                reveal_BK,
                batch.last_progress_B,
                looking,
                gate,
                capture,
                self.settings.axon,
                self.timer,
            )
        with self.timer("select"):
            batch.reveal(places_BK, state.token_BK, reveal, progress_B)

    def _places(self, batch: Batch) -> Tensor:
        """Generated positions of each row's current block, (B, K)."""
        length = self.settings.block_length
        return batch.block_B[:, None] * length + torch.arange(length, device=batch.block_B.device)

    def _look(self, batch: Batch, layout: Layout, places_BK: Tensor, capture: Capture | None) -> StepState:
        """The model's beliefs on each row's block, and the context where the decoder needs it."""
        model, mask_id = self.model, self.model.mask_token_id
        columns_BK = places_BK + batch.prompt_BP.shape[1]
        rows_B = torch.arange(len(batch.rows), device=columns_BK.device)
        with self.timer("model"):
            hidden_BWD = model(torch.cat([batch.prompt_BP, batch.tokens_BG], 1), layout, capture)
            logits_BKV = model.logits(hidden_BWD, rows_B[:, None].expand_as(columns_BK), columns_BK, layout)
        context = None
        if self.settings.decoder.needs_attention:
            assert capture is not None
            with self.timer("capture"):
                rows_BKW, means_BW = capture.rows(rows_B, columns_BK), capture.column_means(rows_B)
            context = Context(
                rows_BKW=rows_BKW,
                means_BW=means_BW,
                width_B=capture.width_B,
                tau_sink=self.settings.axon.tau_sink,
                decoded_BW=self._decoded(batch, layout),
                p_max_at=lambda where_BW: self._p_max_at(hidden_BWD, where_BW, batch, layout),
            )
        with self.timer("select"):
            token_BK, p_max_BK, partition_BK = most_likely(logits_BKV, mask_id)
            confidence_BK = p_max_BK
            if self.settings.temperature > 0:
                token_BK = sample(logits_BKV, mask_id, self.settings.temperature, batch.generators)
                chosen_BK = logits_BKV.gather(2, token_BK[..., None])[..., 0].double()
                confidence_BK = (chosen_BK - partition_BK).exp()
            masked_BK = batch.revealed_at_BG.gather(1, places_BK) < 0
            if self.settings.end_of_text == "suppress":
                confidence_BK = self._without_ends(token_BK, confidence_BK, masked_BK)
        return StepState(
            masked_BK=masked_BK,
            token_BK=token_BK,
            confidence_BK=confidence_BK,
            p_max_BK=p_max_BK,
            block_step_B=batch.block_step_B,
            places_BK=places_BK,
            columns_BK=columns_BK,
            log_probs=lambda: logits_BKV.double() - partition_BK[..., None],
            generated_log_probs=lambda: self._generated_log_probs(hidden_BWD, batch, layout),
            noise=lambda: uniform(places_BK.shape[1:], batch.generators, places_BK.device),
            context=context,
            memory=batch.memory,
            counts=batch.counts,
        )

    def _without_ends(self, token_BK: Tensor, confidence_BK: Tensor, masked_BK: Tensor) -> Tensor:
        """Confidence, 0 where end-of-text is likeliest while another masked position of the block is not one."""
        ends_BK = one_of(token_BK, self.model.end_token_ids)
        others_B1 = (masked_BK & ~ends_BK).any(1, keepdim=True)
        return torch.where(ends_BK & others_B1, 0.0, confidence_BK)

    def _decoded(self, batch: Batch, layout: Layout) -> Tensor:
        """Decoded columns of each row up to the end of its block, the prompt among them, (B, W) bool."""
        prompt_BP = layout.real_BW[:, : batch.prompt_BP.shape[1]]
        return torch.cat([prompt_BP, batch.revealed_at_BG >= 0], 1)

    def _generated_log_probs(self, hidden_BWD: Tensor, batch: Batch, layout: Layout) -> Tensor:
        """Log-probabilities of every generated position, (B, G, V) float64."""
        columns_G = torch.arange(batch.prompt_BP.shape[1], hidden_BWD.shape[1], device=hidden_BWD.device)
        rows_B = torch.arange(len(batch.rows), device=hidden_BWD.device)
        rows_BG, columns_BG = torch.broadcast_tensors(rows_B[:, None], columns_G)
        batch.counts["logit_positions"] = batch.counts["logit_positions"] + len(columns_G)
        return self.model.logits(hidden_BWD, rows_BG, columns_BG, layout).double().log_softmax(-1)

    def _p_max_at(self, hidden_BWD: Tensor, where_BW: Tensor, batch: Batch, layout: Layout) -> Tensor:
        """p* at the marked positions, (B, W) float64, 0 elsewhere; a chunk of positions at a time."""
        batch.counts["logit_positions"] = batch.counts["logit_positions"] + where_BW.sum(1)
        rows_N, columns_N = where_BW.nonzero(as_tuple=True)
        found_BW = torch.zeros(where_BW.shape, dtype=torch.float64, device=where_BW.device)
        step = max(1, CHUNK_ELEMENTS // self.model.vocab_size)
        for start in range(0, len(rows_N), step):
            rows, columns = rows_N[start : start + step], columns_N[start : start + step]
            logits_NV = self.model.logits(hidden_BWD, rows, columns, layout)
            found_BW[rows, columns] = most_likely(logits_NV, self.model.mask_token_id)[1]
        return found_BW
