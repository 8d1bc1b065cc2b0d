"""When AXON intervenes: gates, one function each, chosen by name. METHOD.md, section 3.

Shapes: R rows whose anchor budget is not spent, K block length. Row-independent, like everything here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from axon.settings import AxonSettings


@dataclass
class GateState:
    """The state that the base decoder's proposal P would leave behind, on the current block."""

    masked_RK: Tensor  # bool, M
    proposal_RK: Tensor  # bool, P
    p_max_RK: Tensor  # p*, float64
    attention_RKK: Tensor | None  # A as it is, block positions only; for gates that look at it
    block_step_R: Tensor  # s, steps the block has had
    last_progress_R: Tensor  # the previous step's rho in this block; -1 where there was none
    checks_R: Tensor  # gate checks of the sample before this one
    gaps_R: Tensor  # and in how many of them coverage_gap fired; `adaptive_coverage` keeps count

    @property
    def residual_RK(self) -> Tensor:
        """R, what stays masked."""
        return self.masked_RK & ~self.proposal_RK

    @property
    def progress_R(self) -> Tensor:
        """rho, the share of the masked positions that P reveals."""
        return progress(self.masked_RK, self.proposal_RK)

    @property
    def uncertainty_R(self) -> Tensor:
        """1 - c_R, the mean uncertainty of what stays masked; 0 where nothing does."""
        count_R = self.residual_RK.sum(1)
        mean_R = torch.where(self.residual_RK, self.p_max_RK, 0.0).sum(1) / count_R.clamp(min=1)
        return torch.where(count_R > 0, 1 - mean_R, 0.0)

    @property
    def coverage_R(self) -> Tensor:
        """kappa, the mean share of in-block attention that residual positions pay to P; 1 without residual."""
        assert self.attention_RKK is not None, "the gate looks at attention: declare it"
        to_proposal_RK = torch.where(self.proposal_RK[:, None, :], self.attention_RKK, 0.0).sum(2)
        covered_RK = (to_proposal_RK / (self.attention_RKK.sum(2) + 1e-8)).clamp(0, 1).double()
        count_R = self.residual_RK.sum(1)
        mean_R = torch.where(self.residual_RK, covered_RK, 0.0).sum(1) / count_R.clamp(min=1)
        return torch.where(count_R > 0, mean_R, 1.0)

    def slow_R(self, target_nfe: int) -> Tensor:
        """rho < e, progress below what finishing the block in `target_nfe` steps asks for."""
        masked_R = self.masked_RK.sum(1)
        left_R = (target_nfe - self.block_step_R).clamp(min=1)
        return self.progress_R < torch.ceil(masked_R.double() / left_R) / masked_R.clamp(min=1)


def progress(masked_RK: Tensor, proposal_RK: Tensor) -> Tensor:
    """|P| / max(1, |M|) of each row, float64."""
    return proposal_RK.sum(1).double() / masked_RK.sum(1).clamp(min=1)


def coverage_gap(state: GateState, settings: AxonSettings) -> Tensor:
    """P is attended to less than its size, or less than what is left is uncertain, would ask for."""
    coverage_R, residual_R = state.coverage_R, state.residual_RK.any(1)
    too_small_R = coverage_R < settings.beta_r * state.progress_R
    too_uncertain_R = residual_R & (coverage_R < settings.beta_u * state.uncertainty_R)
    return too_small_R | too_uncertain_R


def progress_stall(state: GateState, settings: AxonSettings) -> Tensor:
    """The block advances no faster than a step ago, and too slowly for its target."""
    return (state.progress_R <= state.last_progress_R) & state.slow_R(settings.target_nfe)


def adaptive_coverage(state: GateState, settings: AxonSettings) -> Tensor:
    """coverage_gap through a sample's first `warmup` checks; then what suits how often it fired in them."""
    warm_R = state.checks_R >= settings.warmup
    gap_R = coverage_gap(state, settings)
    state.gaps_R = state.gaps_R + (gap_R & ~warm_R).long()
    eager_R = 2 * state.gaps_R >= settings.warmup
    return torch.where(warm_R & eager_R, progress_stall(state, settings), gap_R)


def unified(state: GateState, settings: AxonSettings) -> Tensor:
    """A coverage gap while progress is slow."""
    return coverage_gap(state, settings) & (~state.proposal_RK.any(1) | state.slow_R(settings.target_nfe))


def cp_alpha(state: GateState, settings: AxonSettings) -> Tensor:
    """Coverage below the alpha mixture of progress and uncertainty."""
    bound_R = settings.alpha * state.progress_R + (1 - settings.alpha) * state.uncertainty_R
    return state.residual_RK.any(1) & (state.coverage_R < bound_R)


def always(state: GateState, settings: AxonSettings) -> Tensor:
    """Control: in every step, as long as the budget lasts."""
    return torch.ones_like(state.masked_RK[:, 0])


@dataclass(frozen=True)
class Gate:
    """A rule, whether it looks at attention (else none is computed before it fires), and the settings it reads."""

    fires: Callable[[GateState, AxonSettings], Tensor]
    looks: bool
    reads: tuple[str, ...] = ()


GAP = ("beta_r", "beta_u")


# `never` has no rule: the sampler does not ask a gate at all.
GATES: dict[str, Gate | None] = {
    "always": Gate(always, looks=False),
    "never": None,
    "coverage_gap": Gate(coverage_gap, looks=True, reads=GAP),
    "progress_stall": Gate(progress_stall, looks=False, reads=("target_nfe",)),
    "adaptive_coverage": Gate(adaptive_coverage, looks=True, reads=(*GAP, "target_nfe", "warmup")),
    "unified": Gate(unified, looks=True, reads=(*GAP, "target_nfe")),
    "cp_alpha": Gate(cp_alpha, looks=True, reads=("alpha",)),
}
