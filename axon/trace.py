"""What a decode leaves behind for one prompt; every count and order is derived from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trace:
    """One decoded row: G generated tokens and, for each, the 0-based pass that revealed it."""

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]  # (G,) never the mask token
    revealed_at: tuple[int, ...]  # (G,)
    axon_passes: tuple[int, ...]  # passes in which AXON's anchors were revealed, ascending
    gate_checks: int  # passes in which a gate was evaluated
    nfe: int  # passes the row was in

    def reveals(self) -> list[list[int]]:
        """Positions revealed in each pass, ascending; a position counts from the start of the prompt."""
        positions: list[list[int]] = [[] for _ in range(self.nfe)]
        for offset, step in enumerate(self.revealed_at):
            positions[step].append(len(self.prompt) + offset)
        return positions

    def tokens_to_eos(self, eos_id: int | None) -> int:
        """Tokens before the first end-of-text; all of them where there is none."""
        return self.tokens.index(eos_id) if eos_id in self.tokens else len(self.tokens)

    def nfe_to_eos(self, eos_id: int | None) -> int:
        """Passes until everything up to and with the first end-of-text was final; all where there is none."""
        return 1 + max(self.revealed_at[: self.tokens_to_eos(eos_id) + 1])
