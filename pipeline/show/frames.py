"""A decode step by step: what the canvas holds after each step, and what a replay saw in it. Pure.

Positions are those of the generated tokens, 0 the first; G of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from axon.trace import NOT_DECODED, Chooser, Event


class Comparison(NamedTuple):
    """One condition of a gate: `value sign bound`, each with its name."""

    name: str
    value: float
    sign: str  # < or <=
    bound_name: str
    bound: float

    @property
    def holds(self) -> bool:
        return self.value < self.bound if self.sign == "<" else self.value <= self.bound


@dataclass(frozen=True)
class GateSeen:
    """A gate that was evaluated."""

    name: str
    fired: bool
    comparisons: tuple[Comparison, ...] = ()  # none for a gate that compares nothing


class Anchor(NamedTuple):
    """A position that AXON revealed, and what attends to it."""

    position: int
    supports: tuple[tuple[int, float], ...]  # uncertain positions and their weights w > 0, the largest first


@dataclass(frozen=True)
class Seen:
    """What a replay saw of a step before it changed anything. Of the current block alone."""

    block: tuple[int, int]  # first position, and the one after the last
    confidence: Mapping[int, float]  # of what was masked and could be revealed
    guesses: Mapping[int, int]  # the token that the model would write there
    proposal: tuple[int, ...]  # what the base decoder would reveal
    gate: GateSeen | None = None  # None: not evaluated
    anchors: tuple[Anchor, ...] = ()


@dataclass(frozen=True)
class Frame:
    """One step, after it."""

    step: int  # 0-based
    tokens: tuple[int | None, ...]  # (G,), None where masked
    events: tuple[Event, ...]  # of this step
    seen: Seen | None

    @cached_property
    def revealed(self) -> tuple[int, ...]:
        """Positions revealed in this step."""
        return tuple(event.position for event in self.events if event.kind == "reveal")

    @property
    def by(self) -> Chooser:
        """Who chose them, apart from what a decoder that looks ahead had guessed."""
        return next((event.by for event in self.events if event.by != "decoder"), "decoder")

    @property
    def masks_left(self) -> int:
        return self.tokens.count(None)

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        """AXON's in this step; those of a gate that did not fire are none."""
        return self.seen.anchors if self.seen and self.by != "decoder" else ()

    def supporters(self) -> dict[int, tuple[int, float]]:
        """Uncertain position -> the anchor (counted from 0) that supports it most, and by how much."""
        found: dict[int, tuple[int, float]] = {}
        for number, anchor in enumerate(self.anchors):
            for position, weight in anchor.supports:
                if self.tokens[position] is None and weight > found.get(position, (0, 0.0))[1]:
                    found[position] = (number, weight)
        return found


def frames(
    tokens: Sequence[int], events: Sequence[Event], nfe: int, seen: Sequence[Seen] = ()
) -> tuple[Frame, ...]:
    """A frame for each of the `nfe` steps; the last one holds `tokens`, also where nothing was decoded any more.

    `events` are in the order of steps. `seen`: of each step, or nothing.
    """
    canvas: list[int | None] = [None] * len(tokens)
    by_step: list[list[Event]] = [[] for _ in range(nfe)]
    for event in events:
        by_step[event.step].append(event)
    made = []
    for step, own in enumerate(by_step):
        for event in own:
            canvas[event.position] = None if event.kind == "remask" else event.token
        after = tuple(tokens) if step == nfe - 1 else tuple(canvas)
        made.append(Frame(step, after, tuple(own), seen[step] if seen else None))
    return tuple(made)


def events_of_record(
    tokens: Sequence[int],
    revealed_at: Sequence[int],
    axon_steps: Collection[int],
    unsupported_steps: Collection[int] = (),
) -> tuple[Event, ...]:
    """The last reveal of each token, which is all that a record knows; all there is unless the decoder revises."""

    def chooser(step: int) -> Chooser:
        return "axon_fallback" if step in unsupported_steps else "axon" if step in axon_steps else "decoder"

    return tuple(
        sorted(
            Event(step, position, token, "reveal", chooser(step))
            for position, (token, step) in enumerate(zip(tokens, revealed_at, strict=True))
            if step != NOT_DECODED
        )
    )
