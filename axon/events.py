"""The events of the rows being decoded, appended step by step on the device.

Shapes: B rows, K block length, T steps, S = T x K, E events that there is room for, F fields of an event.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from axon.elementwise import where_else
from axon.trace import CHOOSERS, KINDS, Event

FIELDS = len(Event._fields)
AT_ONCE = 64  # steps that are written down together
REVEAL, REMASK, REPLACE = (KINDS.index(kind) for kind in ("reveal", "remask", "replace"))


@dataclass(frozen=True)
class Change:
    """What a step does to the current block of each row."""

    happens_BK: Tensor  # bool, where anything does
    kind_BK: Tensor  # there, REVEAL, REMASK or REPLACE
    token_BK: Tensor  # there, what the position holds afterwards
    by_BK: Tensor  # there, index into CHOOSERS
    confidence_BK: Tensor  # float64, c of the token that a reveal writes


@dataclass
class Events:
    """A row's events come first. The last place of the log takes what is no event, so that each step has one shape."""

    log_BEF: Tensor
    confidence_BE: Tensor  # float64, of the same events
    last_B1: Tensor  # place of the row's last event, -1 before the first
    steps_B1: Tensor  # how many of the row's steps are in the log
    most: int = 0  # events in the log of the row that has most, as the host knows it: see `Batch.read`
    # Changes of the last steps and the positions in the text that they are of. Nobody changes these tensors any more.
    pending: list[tuple[Change, Tensor]] = field(default_factory=list)

    @classmethod
    def none(cls, rows: int, room: int, device: torch.device) -> Events:
        """No events, room for as many in each row."""
        log_BEF = torch.zeros((rows, room + 1, FIELDS), dtype=torch.long, device=device)
        confidence_BE = torch.zeros((rows, room + 1), dtype=torch.float64, device=device)
        last_B1 = torch.full((rows, 1), -1, dtype=torch.long, device=device)
        return cls(log_BEF, confidence_BE, last_B1, torch.zeros_like(last_B1))

    @property
    def room(self) -> int:
        """Events of a row that fit."""
        return self.log_BEF.shape[1] - 1

    def append(self, change: Change, places_BK: Tensor) -> None:
        """Log a step of every row, together with some more. There must be room."""
        self.pending.append((change, places_BK))
        if len(self.pending) == AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Writes down the last steps: before rows enter, leave, or are read."""
        if not self.pending:
            return
        changes, places = zip(*self.pending, strict=True)
        happens_BS = torch.cat([change.happens_BK for change in changes], 1)
        slot_BS = happens_BS.cumsum(1).add_(self.last_B1)
        self.last_B1 = slot_BS[:, -1:]
        slot_BS = where_else(happens_BS, slot_BS, self.room).clamp_(max=self.room)
        steps_T = torch.arange(len(changes), device=slot_BS.device)
        step_BT1 = (self.steps_B1 + steps_T)[..., None]
        self.steps_B1 = self.steps_B1 + len(changes)
        fields = [
            step_BT1.expand(-1, -1, places[0].shape[1]).flatten(1),
            torch.cat(places, 1),
            torch.cat([change.token_BK for change in changes], 1),
            torch.cat([change.kind_BK for change in changes], 1),
            torch.cat([change.by_BK for change in changes], 1),
        ]
        event_BSF = torch.stack(fields, 2)
        self.log_BEF.scatter_(1, slot_BS[..., None].expand_as(event_BSF), event_BSF)
        confidence_BS = torch.cat([change.confidence_BK for change in changes], 1)
        self.confidence_BE.scatter_(1, slot_BS, confidence_BS)
        self.pending.clear()

    def reserve(self, more: int) -> None:
        """Make room for `more` events a row, beside those of the last steps."""
        more += sum(places_BK.shape[1] for _, places_BK in self.pending)
        if self.most + more > self.room:
            self.widen(2 * self.room + more)

    def widen(self, room: int) -> None:
        """Room for at least `room` events a row."""
        more = max(0, room - self.room)
        self.log_BEF = torch.nn.functional.pad(self.log_BEF, (0, 0, 0, more))
        self.confidence_BE = torch.nn.functional.pad(self.confidence_BE, (0, more))

    def of_row(self, place: int) -> tuple[Event, ...]:
        """The events of one row, in the order of steps and positions."""
        self.settle()
        fields = self.log_BEF[place, : int(self.last_B1[place]) + 1].tolist()
        return tuple(
            Event(step, position, token, KINDS[kind], CHOOSERS[by])
            for step, position, token, kind, by in fields
        )

    def confidences(self, place: int, count: int) -> tuple[float, ...]:
        """The confidences of one row's first `count` events."""
        return tuple(self.confidence_BE[place, :count].tolist())
