"""KLASS: reveal what is confident and has stopped moving, by the KL divergence between steps.

Shapes: B rows, K block length, G generated length, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from axon.checks import check_range, check_whole
from axon.state import StepState


@dataclass(frozen=True)
class Klass:
    """c > threshold, and KL(p_t || p_{t-1}) < kl_threshold in each of the last `history` steps.

    Positions of later blocks are followed too, so that a block does not start without a history. The state of a
    row: the distributions of its last step (B, G, V), and for how many steps each position has been still.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    version: ClassVar[int] = 1
    needs_attention: ClassVar[bool] = False
    needs_seeds: ClassVar[bool] = False
    reads_confidence: ClassVar[bool] = True

    name: Literal["klass"] = "klass"
    threshold: float = 0.9
    kl_threshold: float = 0.01
    history: int = 2

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)
        check_range("decoder.kl_threshold", self.kl_threshold, 0.0, float("inf"))
        check_whole("decoder.history", self.history, 1)

    def check(self, gen_length: int, block_length: int) -> None:
        """Fits every length."""

    def propose(self, state: StepState, gen_length: int) -> Tensor:
        """(B, K) bool."""
        now_BGV = state.generated_log_probs().float()
        memory = state.memory
        if "klass_log_probs" not in memory:
            memory["klass_log_probs"] = torch.zeros_like(now_BGV)
            memory["klass_still"] = torch.zeros(now_BGV.shape[:2], dtype=torch.long, device=now_BGV.device)
            memory["klass_steps"] = torch.zeros_like(state.block_step_B)
        divergence_BG = (now_BGV.exp() * (now_BGV - memory["klass_log_probs"])).sum(2)
        known_B = memory["klass_steps"] > 0  # a row's first step has nothing to compare with
        still_BG = (divergence_BG < self.kl_threshold) & known_B[:, None]
        memory["klass_still"] = torch.where(still_BG, memory["klass_still"] + 1, 0)
        memory["klass_log_probs"] = now_BGV
        memory["klass_steps"] = memory["klass_steps"] + 1
        settled_BK = memory["klass_still"].gather(1, state.places_BK) >= self.history
        return state.masked_BK & (state.confidence_BK > self.threshold) & settled_BK
