"""The view of a step that its decoder gets: the model's beliefs on the block, and beyond it what the decoder declares.

Shapes: B rows, K block length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from axon.answers import check_answer
from axon.beliefs import most_likely, sample, uniform
from axon.elementwise import and_not
from axon.forward import Forward
from axon.nucleus import nucleus
from axon.reads import undeclared
from axon.settings import DecodeSettings
from axon.state import Context, PartTimer, Plain, StepState

Part = TypeVar("Part")


def view(forward: Forward, settings: DecodeSettings, timer: PartTimer) -> StepState:
    """What `settings.decoder` may see of this forward pass."""
    decoder, attention = settings.decoder, forward.attention
    sequence = decoder.reads == "sequence"
    if decoder.needs_attention:  # computed ahead, since the timer's parts do not nest
        attention.look(means=sequence)

    def declared(declaration: str, holds: bool, value: Callable[[], Part]) -> Callable[[], Part]:
        return value if holds else undeclared(f"decoder {decoder.name}", declaration)

    def context() -> Context:
        return Context(
            decoded_BW=forward.decoded(),
            width_B=forward.counted.seen_B,
            tau_sink=settings.axon.tau_sink,
            sink_bound=forward.counted.bound,
            log_probs=declared("reads_later_blocks", decoder.reads_later_blocks, forward.log_probs),
            p_max_at=forward.p_max_at,
            rows=declared("needs_attention", decoder.needs_attention, attention.rows),
            column_means=declared("needs_attention", decoder.needs_attention, attention.column_means),
        )

    with timer("select"):
        logits_BKV, batch, places_BK = forward.logits_BKV, forward.batch, forward.places_BK
        written_BK = batch.tokens_BG.gather(1, places_BK)
        if forward.ahead is not None:
            written_BK = torch.where(forward.ahead.happens_BK, forward.ahead.token_BK, written_BK)
        masked_BK = batch.masked(written_BK, places_BK)
        if decoder.boosts:
            logits_BKV = decoder.boosted(_plain(forward, masked_BK))
            check_answer(
                f"decoder {decoder.name}: what boosted returns", logits_BKV, forward.logits_BKV.shape
            )
        token_BK, p_max_BK, partition_BK = forward.head.likeliest(logits_BKV)
        confidence_BK, read_BKV, total_BK = p_max_BK, logits_BKV, partition_BK
        if settings.top_p is not None:
            read_BKV = nucleus(logits_BKV, batch.mask_id, settings.temperature, settings.top_p)
            total_BK = read_BKV.logsumexp(2)
            token_BK, confidence_BK = _drawn(forward, read_BKV, total_BK, 1.0)
        elif settings.temperature > 0:
            token_BK, confidence_BK = _drawn(forward, logits_BKV, partition_BK, settings.temperature)
        open_BK = forward.open(masked_BK)
    return StepState(
        masked_BK=open_BK,
        written_BK=written_BK,
        token_BK=token_BK,
        confidence_BK=confidence_BK,
        p_max_BK=p_max_BK,
        block_step_B=batch.block_step_B,
        places_BK=places_BK,
        columns_BK=forward.columns_BK,
        gen_length=settings.gen_length,
        counts=batch.counts,
        decoder_state=batch.decoder_state,
        log_probs=lambda: logits_BKV.double() - partition_BK[..., None],
        log_probs_of_c=lambda: read_BKV.double() - total_BK[..., None],
        noise=declared(
            "needs_seeds",
            decoder.needs_seeds,
            lambda: uniform(places_BK.shape[1:], batch.generators, places_BK.device),
        ),
        shadow=declared("needs_shadow", decoder.needs_shadow, lambda: forward.shadow(written_BK)),
        attention=declared("needs_attention", decoder.needs_attention, attention.among),
        revisable=declared(
            "revises", decoder.revises, lambda: and_not(places_BK >= batch.given_B[:, None], masked_BK)
        ),
        context=declared("reads = 'sequence'", sequence, context),
        revealed=batch.revealed,
    )


def _plain(forward: Forward, masked_BK: Tensor) -> Plain:
    logits_BKV, batch = forward.logits_BKV, forward.batch
    return Plain(
        logits_BKV=logits_BKV,
        masked_BK=masked_BK,
        block_step_B=batch.block_step_B,
        decoder_state=batch.decoder_state,
        likeliest=lambda: most_likely(logits_BKV, batch.mask_id)[:2],
    )


def _drawn(
    forward: Forward, logits_BKV: Tensor, partition_BK: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """A token sampled at every position, and its probability under the logits as they are, (B, K) each."""
    batch = forward.batch
    token_BK = sample(logits_BKV, batch.mask_id, temperature, batch.generators)
    chosen_BK = logits_BKV.gather(2, token_BK[..., None])[..., 0].double()
    return token_BK, forward.head.confidence(logits_BKV, token_BK, (chosen_BK - partition_BK).exp())
