"""Decodes to be shown, made by hand, and one of the bundled model."""

from __future__ import annotations

from collections.abc import Sequence

from axon.trace import Event
from pipeline.show.decode import Decode
from pipeline.show.frames import Anchor, Comparison, GateSeen, Seen, frames

TOKENS = (7, 8, 9, 7, 3, 3)
TEXTS = {3: "∎", 7: " <a&b>", 8: "\n", 9: "return a very long token"}


def decode(title: str = "axon anchors=1", events: Sequence[Event] = (), note: str | None = None) -> Decode:
    """Four steps: AXON's anchor at 2, then the base decoder; the last position is never decoded."""
    given = events or (
        Event(0, 2, 9, "reveal", "axon"),
        Event(1, 0, 7, "reveal", "decoder"),
        Event(1, 1, 8, "reveal", "decoder"),
        Event(2, 3, 7, "reveal", "axon_fallback"),
        Event(3, 4, 3, "reveal", "decoder"),
    )
    first = Seen(
        block=(0, 4),
        confidence={0: 0.25, 1: 0.5, 2: 0.875, 3: 0.125},
        guesses={0: 8, 1: 8, 2: 9, 3: 7},
        proposal=(1, 2),
        gate=GateSeen("coverage_gap", True, (Comparison("coverage", 0.25, "<", "1 x progress", 0.5),)),
        anchors=(Anchor(2, ((0, 0.5), (1, 0.25), (3, 0.01))),),
    )
    blind = Seen(block=(0, 4), confidence={}, guesses={}, proposal=())
    seen = (first, blind, blind, blind) if note is None else ()
    made = frames(TOKENS, given, 4, seen)
    return Decode(title, "what < is\nit?", made, TEXTS, "a", 1.0, "coverage_gap", note)
