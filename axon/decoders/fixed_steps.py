"""LLaDA's original decoder, and Dream's ways to rank. Shapes: B rows, K block length, V vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from axon.checks import check_choice, check_whole
from axon.decoders.discounted import Discounted
from axon.proposal import Proposal

if TYPE_CHECKING:
    from torch import Tensor

    from axon.state import StepState

Remasking = Literal["low_confidence", "random", "entropy", "topk_margin"]


def steps_of_block(steps: int | None, gen_length: int, block_length: int) -> int:
    """A block's share of the steps of the whole generation (None: one for each of its positions)."""
    return (steps or gen_length) * block_length // gen_length


def quota_of_step(steps: int | None, state: StepState) -> Tensor:
    """How many positions of its block each row reveals now, (B,): early steps take the remainder, late ones none."""
    length = state.masked_BK.shape[1]
    own = steps_of_block(steps, state.gen_length, length)
    quota_B = length // own + (state.block_step_B < length % own).long()
    return quota_B.where(state.block_step_B < own, 0)


@dataclass(frozen=True, kw_only=True)
class FixedSteps(Discounted):
    """LLaDA's original: n positions a step, the block's masks spread evenly over its steps.

    Which n: the most confident (`low_confidence` stays masked), or any (`random`, which needs seeds); or as in Dream's
    sampler those of least entropy (`entropy`), or whose two likeliest tokens are furthest apart (`topk_margin`).
    """

    name: Literal["fixed_steps"] = "fixed_steps"
    steps: int | None = None  # of the whole generation; None: one token per step
    remasking: Remasking = "low_confidence"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("decoder.remasking", self.remasking, Remasking)
        if self.steps is not None:
            check_whole("decoder.steps", self.steps, 1)
        if self.attention_discount and self.remasking != "low_confidence":
            raise ValueError(
                f"decoder.attention_discount={self.attention_discount}: discounts confidence, and "
                f"remasking={self.remasking!r} ranks by something else; use low_confidence, or a discount of 0"
            )

    @property
    def needs_seeds(self) -> bool:
        return self.remasking == "random"

    @property
    def reads_confidence(self) -> bool:
        return self.remasking == "low_confidence"

    def check(self, gen_length: int, block_length: int) -> None:
        """The steps must spread over the blocks."""
        blocks = gen_length // block_length
        if self.steps is not None and (self.steps % blocks or self.steps > gen_length):
            raise ValueError(
                f"decoder.steps={self.steps}: must be a multiple of the {blocks} blocks and at most "
                f"gen_length={gen_length}; choose such a value"
            )

    def propose(self, state: StepState) -> Proposal:
        """Once its steps are spent (AXON may delay), it finds nothing to reveal."""
        quota_B1 = quota_of_step(self.steps, state)[:, None]

        def first(rank_BK: Tensor) -> Tensor:
            return state.masked_BK & (rank_BK < quota_B1)

        if not self.attention_discount:
            return Proposal(first(state.rank(self._score(state), state.masked_BK)))
        length = state.masked_BK.shape[1]
        return self.discounted(
            state, first, rounds=-(-length // steps_of_block(self.steps, state.gen_length, length))
        )

    def _score(self, state: StepState) -> Tensor:
        """What ranks the positions, the highest first, (B, K).

        Source of the latter two: DreamLM/Dream, `sample_tokens` of its generation_utils.py.
        """
        if self.remasking == "random":
            return state.noise()
        if self.remasking == "low_confidence":
            return state.confidence_BK
        log_probs_BKV = state.log_probs_of_c()
        if self.remasking == "topk_margin":
            best_BK2 = log_probs_BKV.topk(2, dim=2).values.exp()
            return best_BK2[..., 0] - best_BK2[..., 1]
        return -state.entropy(log_probs_BKV)
