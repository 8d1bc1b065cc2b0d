"""A decode to be shown: its frames, with the words that stand above and below them. The interface of all forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.show.frames import Frame


@dataclass(frozen=True)
class Decode:
    """One example under one setting. A panel of several of them has the same prompt."""

    title: str  # the setting's label
    prompt: str
    frames: tuple[Frame, ...]
    texts: Mapping[int, str]  # token -> what is shown for it
    answer: str | None
    score: float | None
    gate: str  # its name; "never" for the base decoder alone
    note: str | None  # why only the record is shown; None: replayed, and equal to the record

    def text(self, token: int) -> str:
        return self.texts[token]
