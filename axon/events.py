"""The events of the rows being decoded, appended step by step on the device.

Shapes: B rows, K block length, E events that there is room for, F fields of an event.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from axon.elementwise import where_else
from axon.trace import CHOOSERS, KINDS, Event

FIELDS = len(Event._fields)
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
    """A row's events come first. The last place of the log takes what is no event, so that a step has one shape."""

    log_BEF: Tensor
    confidence_BE: Tensor  # float64, of the same events
    last_B1: Tensor  # place of the row's last event, -1 before the first
    most: int = 0  # events of the row that has most, as the host knows it: see `Batch.read`

    @classmethod
    def none(cls, rows: int, room: int, device: torch.device) -> Events:
        """No events, room for as many in each row."""
        log_BEF = torch.zeros((rows, room + 1, FIELDS), dtype=torch.long, device=device)
        confidence_BE = torch.zeros((rows, room + 1), dtype=torch.float64, device=device)
        return cls(log_BEF, confidence_BE, torch.full((rows, 1), -1, dtype=torch.long, device=device))

    @property
    def room(self) -> int:
        """Events of a row that fit."""
        return self.log_BEF.shape[1] - 1

    def append(self, change: Change, step_B: Tensor, places_BK: Tensor) -> None:
        """Log a step. There must be room."""
        slot_BK = change.happens_BK.cumsum(1).add_(self.last_B1)
        self.last_B1 = slot_BK[:, -1:]
        slot_BK = where_else(change.happens_BK, slot_BK, self.room).clamp_(max=self.room)
        step_BK = step_B[:, None].expand_as(places_BK)
        event_BKF = torch.stack([step_BK, places_BK, change.token_BK, change.kind_BK, change.by_BK], 2)
        self.log_BEF.scatter_(1, slot_BK[..., None].expand_as(event_BKF), event_BKF)
        self.confidence_BE.scatter_(1, slot_BK, change.confidence_BK)

    def reserve(self, more: int) -> None:
        """Make room for `more` events a row."""
        if self.most + more > self.room:
            self.widen(2 * self.room + more)

    def widen(self, room: int) -> None:
        """Room for at least `room` events a row."""
        more = max(0, room - self.room)
        self.log_BEF = torch.nn.functional.pad(self.log_BEF, (0, 0, 0, more))
        self.confidence_BE = torch.nn.functional.pad(self.confidence_BE, (0, more))

    def of_row(self, place: int) -> tuple[Event, ...]:
        """The events of one row, in the order of steps and positions."""
        fields = self.log_BEF[place, : int(self.last_B1[place]) + 1].tolist()
        return tuple(
            Event(step, position, token, KINDS[kind], CHOOSERS[by])
            for step, position, token, kind, by in fields
        )

    def confidences(self, place: int, count: int) -> tuple[float, ...]:
        """The confidences of one row's first `count` events."""
        return tuple(self.confidence_BE[place, :count].tolist())
