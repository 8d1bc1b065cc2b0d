"""Model calls, which are not part of lm-eval's own results: summed per task and settings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

from axon import DecodeSettings, Trace
from axon.mechanism import Mechanism


@dataclass
class Tally:
    """Sums over all decoded answers; answers from lm-eval's cache cost nothing and are not included."""

    answers: int = 0
    nfe: int = 0  # steps, counted once for every answer that takes part
    nfe_to_eos: int = 0  # steps until everything up to the first end-of-text was final
    tokens: int = 0  # positions decoded
    tokens_to_eos: int = 0
    least_batch: int | None = (
        None  # fewest rows decoded at once, at most: below batch_size where memory ran out
    )
    mechanism: Mechanism = field(
        default_factory=Mechanism
    )  # whether AXON and DAWN had anything to base their choices on

    def add(self, trace: Trace, end_ids: Collection[int], batch_size: int) -> None:
        self.answers += 1
        self.nfe += trace.nfe
        self.nfe_to_eos += trace.nfe_to_eos(end_ids)
        self.tokens += trace.tokens_decoded
        self.tokens_to_eos += trace.tokens_to_eos(end_ids)
        self.least_batch = min(self.least_batch or batch_size, batch_size)
        self.mechanism = self.mechanism.plus(trace)

    def entry(self, task: str, settings: DecodeSettings) -> dict[str, Any]:
        """Plain data for lm-eval's results."""
        return {
            "task": task,
            **asdict(self),
            "nfe_per_answer": self.nfe / self.answers,
            "tokens_per_step": self.tokens / self.nfe,
            "settings": asdict(settings),
        }

    def lines(self, task: str, settings: DecodeSettings) -> list[str]:
        """Lines for the terminal. They name the end-of-text rule, since it changes the numbers."""
        figures = (
            f"{task}: {self.answers} answers decoded, {self.nfe / self.answers:.2f} steps (NFE) each, "
            f"{self.tokens / self.nfe:.2f} tokens per step "
            f"(gen_length={settings.gen_length}, end_of_text={settings.end_of_text})"
        )
        silent = settings.axon.gate != "never" and not self.mechanism.axon_steps
        never = ["AXON: its gate fired in no step; these are the base decoder's answers"] if silent else []
        return [figures, *never, *self.mechanism.lines()]
