"""Traces of decoders that reveal and never take back, as tests write them down."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from axon.trace import NOT_DECODED, Chooser, Event, Trace


def trace_of(
    tokens: Sequence[int],
    revealed_at: Sequence[int],
    axon_steps: Collection[int] = (),
    fallback_steps: Collection[int] = (),
    prompt: tuple[int, ...] = (1,),
    **counts: int,
) -> Trace:
    """The trace in which each token was revealed in its step of `revealed_at`."""

    def chooser(step: int) -> Chooser:
        return "axon_fallback" if step in fallback_steps else "axon" if step in axon_steps else "decoder"

    events = sorted(
        Event(step, position, token, "reveal", chooser(step))
        for position, (token, step) in enumerate(zip(tokens, revealed_at, strict=True))
        if step != NOT_DECODED
    )
    return Trace(
        prompt=prompt,
        tokens=tuple(tokens),
        events=tuple(events),
        nfe=1 + max(revealed_at),
        confidences=(0.5,) * len(events),
        **counts,
    )
