"""When AXON intervenes: gates, one function each, chosen by name. docs/method.md, section 3.

Shapes: R rows whose anchor budget is not spent, K block length. Row-independent, like everything here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from axon.elementwise import and_not, where_else
from axon.reads import Reads

if TYPE_CHECKING:
    from torch import Tensor

    from axon.settings import AxonSettings


@dataclass
class GateMemory:
    """What gates keep of a row from step to step; zeros for a new row."""

    gaps_B: Tensor  # gate checks in which coverage_gap fired, counted while `adaptive_coverage` warms up


@dataclass
class GateState:
    """The state that the base decoder's proposal P would leave behind, on the current block."""

    masked_RK: Tensor  # bool, M
    proposal_RK: Tensor  # bool, P
    p_max_RK: Tensor  # p*, float64
    block_step_R: Tensor  # s, steps the block has had
    checks: Callable[[], Tensor]  # gate checks of the sample before this one, (R,)
    memory: GateMemory  # of the rows R; a gate may change it
    attention: Callable[[], Tensor]  # needs_attention: A as it is, block positions only, (R, K, K)
    sinks: Callable[[], Tensor]  # reads = "sequence": which positions of the block are sinks, (R, K) bool
    # needs_last_progress: rho of the previous step in this block, (R,) float64; -1 where there was none
    last_progress: Callable[[], Tensor]

    # What several rules use is computed once, when one of them asks.

    @cached_property
    def residual_RK(self) -> Tensor:
        """R, what stays masked."""
        return and_not(self.masked_RK, self.proposal_RK)

    @cached_property
    def progress_R(self) -> Tensor:
        """rho, the progress that P makes."""
        return progress(self.masked_RK, self.proposal_RK)

    @cached_property
    def uncertainty_R(self) -> Tensor:
        """1 - c_R, the mean uncertainty of what stays masked; 0 where nothing does."""
        return 1 - self._over_residual(self.p_max_RK, 1.0)

    @cached_property
    def coverage_R(self) -> Tensor:
        """kappa, the mean share of in-block attention that residual positions pay to P; 1 without residual."""
        attention_RKK = self.attention()
        to_proposal_RK = (attention_RKK * self.proposal_RK[:, None, :]).sum(2)
        covered_RK = (to_proposal_RK / (attention_RKK.sum(2) + 1e-8)).clamp(0, 1).double()
        return self._over_residual(covered_RK, 1.0)

    def _over_residual(self, values_RK: Tensor, otherwise: float) -> Tensor:
        """The mean over what stays masked; `otherwise` where nothing does."""
        mean_R = (values_RK * self.residual_RK).sum(1) / self._divisor_R
        return where_else(self.left_R, mean_R, otherwise)

    @cached_property
    def left_R(self) -> Tensor:
        """Whether anything stays masked."""
        return self.residual_RK.any(1)

    @cached_property
    def _divisor_R(self) -> Tensor:
        return self.residual_RK.sum(1).clamp(min=1)

    def slow_R(self, target_nfe: int) -> Tensor:
        """rho < e, less progress than finishing the block in `target_nfe` steps asks for."""
        masked_R = self.masked_RK.sum(1)
        left_R = (target_nfe - self.block_step_R).clamp(min=1)
        return self.progress_R < (masked_R.double() / left_R).ceil() / masked_R.clamp(min=1)


def progress(masked_RK: Tensor, proposal_RK: Tensor) -> Tensor:
    """|P| / max(1, |M|) of each row, float64."""
    return proposal_RK.sum(1).double() / masked_RK.sum(1).clamp(min=1)


def coverage_gap(state: GateState, settings: AxonSettings) -> Tensor:
    """P is attended to less than its size, or less than the uncertainty of what is left, would ask for."""
    coverage_R = state.coverage_R
    too_small_R = coverage_R < settings.beta_r * state.progress_R
    too_uncertain_R = state.left_R & (coverage_R < settings.beta_u * state.uncertainty_R)
    return too_small_R | too_uncertain_R


def progress_stall(state: GateState, settings: AxonSettings) -> Tensor:
    """The block advances no faster than in the step before, and too slowly for its target."""
    return (state.progress_R <= state.last_progress()) & state.slow_R(settings.target_nfe)


def adaptive_coverage(state: GateState, settings: AxonSettings) -> Tensor:
    """coverage_gap through a sample's first `warmup` checks; then the gate that its firing rate in them calls for."""
    warm_R = state.checks() >= settings.warmup
    gap_R = coverage_gap(state, settings)
    state.memory.gaps_B = state.memory.gaps_B + (gap_R & ~warm_R).long()
    eager_R = 2 * state.memory.gaps_B >= settings.warmup
    return progress_stall(state, settings).where(warm_R & eager_R, gap_R)


def unified(state: GateState, settings: AxonSettings) -> Tensor:
    """A coverage gap while progress is slow, as it is where P is empty."""
    return coverage_gap(state, settings) & state.slow_R(settings.target_nfe)


def cp_alpha(state: GateState, settings: AxonSettings) -> Tensor:
    """Coverage below the alpha mixture of progress and uncertainty."""
    bound_R = settings.alpha * state.progress_R + (1 - settings.alpha) * state.uncertainty_R
    return state.left_R & (state.coverage_R < bound_R)


def always(state: GateState, settings: AxonSettings) -> Tensor:
    """Control: in every step, as long as the budget lasts."""
    return state.masked_RK.new_ones(len(state.masked_RK))


@dataclass(frozen=True)
class Gate:
    """A rule and what it declares; what it does not declare is not computed before it fires."""

    fires: Callable[[GateState, AxonSettings], Tensor]
    needs_attention: bool
    settings_read: tuple[str, ...] = ()  # the settings that decide when it fires
    reads: Reads = "block"
    certain: bool = False  # it fires in every row: nobody has to ask the device
    needs_last_progress: bool = False


GAP = ("beta_r", "beta_u")


# `never` has no rule: the sampler evaluates no gate at all.
GATES: dict[str, Gate | None] = {
    "always": Gate(always, needs_attention=False, certain=True),
    "never": None,
    "coverage_gap": Gate(coverage_gap, needs_attention=True, settings_read=GAP),
    "progress_stall": Gate(
        progress_stall, needs_attention=False, settings_read=("target_nfe",), needs_last_progress=True
    ),
    "adaptive_coverage": Gate(
        adaptive_coverage,
        needs_attention=True,
        settings_read=(*GAP, "target_nfe", "warmup"),
        needs_last_progress=True,
    ),
    "unified": Gate(unified, needs_attention=True, settings_read=(*GAP, "target_nfe")),
    "cp_alpha": Gate(cp_alpha, needs_attention=True, settings_read=("alpha",)),
}


def gate_of(settings: AxonSettings) -> Gate | None:
    """The gate that the settings name: one of GATES, or a rule of their own. None: `never`."""
    name = settings.gate
    return GATES[name] if name in GATES else settings.own[name].declared()
