"""KLASS: reveal what is confident and has stopped moving, by the KL divergence between steps.

Shapes: B rows, K block length, G generated length, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from axon.checks import check_range, check_whole
from axon.decoders.base import Decoder
from axon.proposal import Proposal
from axon.reads import Reads

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from axon.state import StepState


@dataclass
class KlassState:
    """What each row has shown so far."""

    log_probs_BGV: Tensor  # of its last step, float32
    still_BG: Tensor  # steps in a row in which the position has hardly moved
    steps_B: Tensor


@dataclass(frozen=True, kw_only=True)
class Klass(Decoder):
    """c > threshold, and KL(p_t || p_{t-1}) < kl_threshold (nats) in each of the last `history` steps.

    Positions of later blocks are followed too, so that a block does not start without a history.
    """

    reads: ClassVar[Reads] = "sequence"
    reads_later_blocks: ClassVar[bool] = True
    leeway_of: ClassVar[str] = "threshold"

    name: Literal["klass"] = "klass"
    threshold: float = 0.9
    kl_threshold: float = 0.01
    history: int = 2

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)
        check_range("decoder.kl_threshold", self.kl_threshold, 0.0, float("inf"))
        check_whole("decoder.history", self.history, 1)

    def new_state(
        self, rows: int, gen_length: int, block_length: int, vocab_size: int, device: torch.device
    ) -> KlassState:
        import torch  # here, so that settings can be checked without torch

        return KlassState(
            log_probs_BGV=torch.zeros((rows, gen_length, vocab_size), device=device),
            still_BG=torch.zeros((rows, gen_length), dtype=torch.long, device=device),
            steps_B=torch.zeros(rows, dtype=torch.long, device=device),
        )

    def propose(self, state: StepState) -> Proposal:
        seen = state.decoder_state
        assert isinstance(seen, KlassState)
        divergence_BG = seen.still_BG.new_empty(seen.still_BG.shape, dtype=seen.log_probs_BGV.dtype)
        for places, now_BCV in state.context().log_probs():
            before_BCV = seen.log_probs_BGV[:, places]
            divergence_BG[:, places] = (now_BCV.exp() * (now_BCV - before_BCV)).sum(2)
            before_BCV.copy_(now_BCV)  # a second copy of all of it would not fit beside the model
        known_B = seen.steps_B > 0  # a row's first step has nothing to compare with
        still_BG = (divergence_BG < self.kl_threshold) & known_B[:, None]
        seen.still_BG = (seen.still_BG + 1) * still_BG
        seen.steps_B = seen.steps_B + 1
        settled_BK = state.masked_BK & (seen.still_BG.gather(1, state.places_BK) >= self.history)
        return Proposal((state.confidence_BK > self.threshold) & settled_BK, by_threshold=lambda: settled_BK)
