"""The record of one example: what was decoded, what it took, and its score."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from axon.trace import COUNTS
from pipeline.environment import device_name
from pipeline.errors import fault_line
from pipeline.evaluation.decoded import Decoded
from pipeline.storage.record import Record
from pipeline.tasks import Example, score_of


def filled(record: Record, model: Any, kernel: str, decoded: Decoded, answer: str) -> Record:
    """The record with all but the score; `kernel` is the model's attention kernel."""
    ends, trace, seconds = model.end_token_ids, decoded.trace, decoded.seconds
    above, below = trace.leeway or (None, None)
    return replace(
        record,
        tokens=tuple(trace.tokens),
        revealed_at=tuple(trace.revealed_at),
        confidence_percent=tuple(map(_percent, trace.revealed_with)),
        leeway_above=above,
        leeway_below=below,
        axon_steps=tuple(trace.axon_steps),
        unsupported_steps=trace.unsupported_steps,
        **{name: getattr(trace, name) for name in COUNTS},
        flops=model.flops(trace),
        nfe=trace.nfe,
        nfe_to_eos=trace.nfe_to_eos(ends),
        tokens_generated=trace.tokens_decoded,
        tokens_to_eos=trace.tokens_to_eos(ends),
        seconds_model=seconds.model,
        seconds_capture=seconds.capture,
        seconds_select=seconds.select,
        seconds_in_batch=seconds.in_batch,
        seconds_to_first_block=seconds.to_first_block,
        batch_size=decoded.batch_size,
        device=device_name(*model.devices),
        attention_kernel=kernel,
        torch=torch.__version__,
        answer=answer,
    )


def _percent(confidence: float | None) -> int | None:
    """Rounded to whole percent; None where it is no probability, as of a model that computes NaN."""
    return round(100 * confidence) if confidence is not None and 0 <= confidence <= 1.001 else None


def to_score(record: Record) -> str | None:
    """Its answer, if that has no score yet: a decode that another setting made was scored there."""
    return record.answer if record.decoded_under is None else None


def scored(task: Any, example: Example, record: Record) -> Record:
    """The record with its answer's score; without one where there is no answer, or the scorer breaks."""
    answer = to_score(record)
    if answer is None:
        return record
    try:
        score = score_of(task, answer, example)
    except Exception as error:  # a scorer that breaks leaves the example unscored, never a zero
        return replace(record, error=f"scoring: {fault_line(error)}")
    return replace(
        record,
        score=float(score.value),
        extracted=score.extracted,
        metrics=dict(score.metrics),
        sandbox=score.sandbox,
    )
