"""Base decoders: which positions to reveal in a step, before AXON looks. METHOD.md, section 2.

A decoder is a frozen dataclass: its settings are its fields, `propose` is its rule. `propose` may reveal nothing;
the sampler then reveals the most confident masked position. Its `version` is raised when a change to it can change a
token: results stored of it are then another's. Shapes: B rows, K block length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from axon.checks import check_choice, check_range, check_whole
from axon.dawn import Dawn
from axon.klass import Klass
from axon.state import StepState, descending_rank, top_one

Remasking = Literal["low_confidence", "random"]


@dataclass(frozen=True)
class FixedSteps:
    """LLaDA's original: n positions a step, the block's masks spread evenly over its steps.

    Which n: the most confident (`low_confidence` stays masked), or any (`random`, which needs seeds).
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    version: ClassVar[int] = 1
    needs_attention: ClassVar[bool] = False

    name: Literal["fixed_steps"] = "fixed_steps"
    steps: int | None = None  # of the whole generation; None: one token a step
    remasking: Remasking = "low_confidence"

    @property
    def needs_seeds(self) -> bool:
        """Whether it draws random numbers at temperature 0 too."""
        return self.remasking == "random"

    @property
    def reads_confidence(self) -> bool:
        """Whether it is confidence that decides what is revealed."""
        return self.remasking == "low_confidence"

    def __post_init__(self) -> None:
        check_choice("decoder.remasking", self.remasking, Remasking)
        if self.steps is not None:
            check_whole("decoder.steps", self.steps, 1)

    def check(self, gen_length: int, block_length: int) -> None:
        """Raise ValueError where the steps cannot be spread over the blocks."""
        blocks = gen_length // block_length
        if self.steps is not None and (self.steps % blocks or self.steps > gen_length):
            raise ValueError(
                f"decoder.steps={self.steps}: must be a multiple of the {blocks} blocks and at most "
                f"gen_length={gen_length}; choose such a value"
            )

    def propose(self, state: StepState, gen_length: int) -> Tensor:
        """(B, K) bool. Early steps take the remainder; past the schedule (AXON may delay) one a step."""
        length = state.masked_BK.shape[1]
        steps = (self.steps or gen_length) * length // gen_length
        quota_B = length // steps + (state.block_step_B < length % steps).long()
        score_BK = state.noise() if self.needs_seeds else state.confidence_BK
        rank_BK = descending_rank(score_BK, state.masked_BK)
        in_time_B = state.block_step_B < steps
        return state.masked_BK & (rank_BK < quota_B[:, None]) & in_time_B[:, None]


@dataclass(frozen=True)
class Confidence:
    """Fast-dLLM: everything at least `threshold` confident."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    version: ClassVar[int] = 1
    needs_attention: ClassVar[bool] = False
    needs_seeds: ClassVar[bool] = False
    reads_confidence: ClassVar[bool] = True

    name: Literal["confidence"] = "confidence"
    threshold: float = 0.9

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)

    def check(self, gen_length: int, block_length: int) -> None:
        """Fits every length."""

    def propose(self, state: StepState, gen_length: int) -> Tensor:
        """(B, K) bool."""
        return state.masked_BK & (state.confidence_BK >= self.threshold)


@dataclass(frozen=True)
class Factor:
    """Fast-dLLM, dynamic: the most confident n as long as (n + 1)(1 - c_(n)) <= factor for each up to n."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    version: ClassVar[int] = 1
    needs_attention: ClassVar[bool] = False
    needs_seeds: ClassVar[bool] = False
    reads_confidence: ClassVar[bool] = True

    name: Literal["factor"] = "factor"
    factor: float = 1.0

    def __post_init__(self) -> None:
        check_range("decoder.factor", self.factor, 0.0, float("inf"))

    def check(self, gen_length: int, block_length: int) -> None:
        """Fits every length."""

    def propose(self, state: StepState, gen_length: int) -> Tensor:
        """(B, K) bool. A failure ends the prefix, even where a later n would fit."""
        rank_BK = descending_rank(state.confidence_BK, state.masked_BK)
        fits_BK = state.masked_BK & ((rank_BK + 2) * (1 - state.confidence_BK) <= self.factor)
        by_rank_BK = torch.zeros_like(fits_BK).scatter_(1, rank_BK, fits_BK)
        return by_rank_BK.long().cumprod(1).bool().gather(1, rank_BK)


@dataclass(frozen=True)
class LocalLeap:
    """LocalLeap: sure positions, and around each of them positions that need be less sure."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    version: ClassVar[int] = 1
    needs_attention: ClassVar[bool] = False
    needs_seeds: ClassVar[bool] = False
    reads_confidence: ClassVar[bool] = True

    name: Literal["local_leap"] = "local_leap"
    threshold: float = 0.9
    relaxed_threshold: float = 0.75
    radius: int = 4

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)
        check_range("decoder.relaxed_threshold", self.relaxed_threshold, 0.0, 1.0)
        check_whole("decoder.radius", self.radius, 0)

    def check(self, gen_length: int, block_length: int) -> None:
        """Fits every length."""

    def propose(self, state: StepState, gen_length: int) -> Tensor:
        """(B, K) bool."""
        sure_BK = state.masked_BK & (state.confidence_BK >= self.threshold)
        window = 2 * self.radius + 1
        near_BK = torch.nn.functional.max_pool1d(sure_BK.float(), window, stride=1, padding=self.radius) > 0
        relaxed_BK = state.masked_BK & (state.confidence_BK >= self.relaxed_threshold)
        return sure_BK | (near_BK & relaxed_BK) | top_one(state)


@dataclass(frozen=True)
class EntropyBounded:
    """EB-Sampler (arXiv 2505.24857): the least uncertain, as many as keep their joint error bound below gamma."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    version: ClassVar[int] = 1
    needs_attention: ClassVar[bool] = False
    needs_seeds: ClassVar[bool] = False
    reads_confidence: ClassVar[bool] = False

    name: Literal["entropy_bounded"] = "entropy_bounded"
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_range("decoder.gamma", self.gamma, 0.0, float("inf"))

    def check(self, gen_length: int, block_length: int) -> None:
        """Fits every length."""

    def propose(self, state: StepState, gen_length: int) -> Tensor:
        """(B, K) bool: the longest prefix by entropy with (sum - largest) <= gamma; the first always fits."""
        log_probs_BKV = state.log_probs()
        entropy_BK = -(log_probs_BKV.exp() * log_probs_BKV).sum(2)
        rank_BK = descending_rank(-entropy_BK, state.masked_BK)
        sorted_BK = torch.zeros_like(entropy_BK).scatter_(1, rank_BK, entropy_BK)
        before_BK = sorted_BK.cumsum(1) - sorted_BK
        return state.masked_BK & (before_BK.gather(1, rank_BK) <= self.gamma)


@dataclass(frozen=True)
class LeftToRight:
    """The leftmost masked position: the quality and NFE reference of an autoregressive order."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    version: ClassVar[int] = 1
    needs_attention: ClassVar[bool] = False
    needs_seeds: ClassVar[bool] = False
    reads_confidence: ClassVar[bool] = False

    name: Literal["left_to_right"] = "left_to_right"

    def check(self, gen_length: int, block_length: int) -> None:
        """Fits every length."""

    def propose(self, state: StepState, gen_length: int) -> Tensor:
        """(B, K) bool."""
        return state.masked_BK & (state.masked_BK.long().cumsum(1) == 1)


DecoderSettings = FixedSteps | Confidence | Factor | LocalLeap | Klass | Dawn | EntropyBounded | LeftToRight

DECODERS: dict[str, type[DecoderSettings]] = {
    "fixed_steps": FixedSteps,
    "confidence": Confidence,
    "factor": Factor,
    "local_leap": LocalLeap,
    "klass": Klass,
    "dawn": Dawn,
    "entropy_bounded": EntropyBounded,
    "left_to_right": LeftToRight,
}
