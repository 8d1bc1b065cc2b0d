"""What a decode leaves behind for one prompt: its events, from which every order and count of steps is derived."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, get_args

from axon.blocks import RowBlocks
from axon.counts import COUNTS as COUNTS
from axon.counts import Counts

NOT_DECODED = -1  # in `revealed_at`: the row had ended before this position was reached

Kind = Literal["reveal", "remask", "replace"]
# axon_fallback: AXON's most confident candidate, taken since none supported another masked position.
Chooser = Literal["decoder", "axon", "axon_fallback"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CHOOSERS: tuple[Chooser, ...] = get_args(Chooser)


class Event(NamedTuple):
    """One change of one generated position."""

    step: int  # 0-based
    position: int  # 0 the first generated one, as in Trace.tokens
    token: int  # what it holds afterwards; after a remask the mask token
    kind: Kind
    by: Chooser


@dataclass(frozen=True)
class Trace(Counts):
    """One decoded row: G generated tokens and the events that led to them, in the order of steps and positions.

    Under `stop_at_eos` what follows the end of the text may never be decoded: it is end-of-text, revealed at
    NOT_DECODED.
    """

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]  # (G,) never the mask token
    events: tuple[Event, ...]
    nfe: int  # steps the row was in
    # c (docs/method.md) of the token that each event writes; of events that reveal, other values mean nothing. No part
    # of what makes two decodes equal: its last digits depend on the batch.
    confidences: tuple[float, ...] = field(compare=False)
    # The decoder's `leeway_of` could have been anything above the first and below the second, and the decode the same
    # (axon/leeway.py). None: not asked for, or the decoder can't tell. Like confidences no part of equality.
    leeway: tuple[float, float] | None = field(default=None, compare=False)
    # Where the blocks of a decoder that revises lie: their tokens are final when the block has ended. None: a token is
    # final from its last event on.
    revised: RowBlocks | None = field(default=None, compare=False)

    @cached_property
    def revealed_at(self) -> tuple[int, ...]:
        """The step that last revealed each token, (G,)."""
        steps = [NOT_DECODED] * len(self.tokens)
        for event in self.events:
            if event.kind == "reveal":
                steps[event.position] = event.step
        return tuple(steps)

    @cached_property
    def revealed_with(self) -> tuple[float | None, ...]:
        """The confidence with which each token was revealed, (G,); None: not decoded, or replaced since then."""
        known: list[float | None] = [None] * len(self.tokens)
        for event, confidence in zip(self.events, self.confidences, strict=True):
            known[event.position] = confidence if event.kind == "reveal" else None
        return tuple(known)

    @cached_property
    def axon_steps(self) -> tuple[int, ...]:
        """Steps in which AXON's anchors were revealed, ascending."""
        return tuple(sorted({event.step for event in self.events if event.by != "decoder"}))

    @cached_property
    def unsupported_steps(self) -> tuple[int, ...]:
        """Those of `axon_steps` in which no candidate supported another masked position."""
        return tuple(sorted({event.step for event in self.events if event.by == "axon_fallback"}))

    @property
    def tokens_decoded(self) -> int:
        """Generated positions that a step revealed."""
        return sum(step != NOT_DECODED for step in self.revealed_at)

    def reveals(self) -> list[list[int]]:
        """Positions revealed in each step, ascending; here a position counts from the start of the prompt."""
        positions: list[list[int]] = [[] for _ in range(self.nfe)]
        for event in self.events:
            if event.kind == "reveal":
                positions[event.step].append(len(self.prompt) + event.position)
        return positions

    def tokens_to_eos(self, end_ids: Collection[int]) -> int:
        """Tokens before the first end-of-text; all of them where there is none."""
        ends = (place for place, token in enumerate(self.tokens) if token in end_ids)
        return next(ends, len(self.tokens))

    def nfe_to_eos(self, end_ids: Collection[int]) -> int:
        """Steps until everything up to and with the first end-of-text was final; all where there is none."""
        return self.steps_to(self.tokens_to_eos(end_ids) + 1)

    def steps_to(self, count: int) -> int:
        """Steps until the first `count` tokens were final."""
        if self.revised is None:
            return 1 + max(self._steps(0, count), default=NOT_DECODED)
        blocks = self.revised
        whole = -(-(blocks.given + count) // blocks.block_length) * blocks.block_length - blocks.given
        # The next block is begun in the step after that in which this one has ended.
        return min(self._steps(whole, len(self.tokens)), default=self.nfe)

    def _steps(self, first: int, after: int) -> Iterator[int]:
        """Those that changed a token from the first position to that before `after`."""
        return (event.step for event in self.events if first <= event.position < after)
