"""What a gate compared in a step: the conditions of axon/gates.py with their numbers, for a reader."""

from __future__ import annotations

from collections.abc import Callable

import torch

from axon.gates import GateState
from axon.settings import AxonSettings
from pipeline.show.frames import Comparison


def comparisons(state: GateState, settings: AxonSettings) -> tuple[Comparison, ...]:
    """Of a state of one row, after the gate was evaluated; nothing for a gate that compares nothing or is unknown."""
    found = RULES.get(settings.gate)
    return tuple(found(state, settings)) if found else ()


def _gap(state: GateState, settings: AxonSettings) -> list[Comparison]:
    coverage = _number(state.coverage_R)
    rules = [
        _below(
            "coverage",
            coverage,
            f"{settings.beta_r:g} x progress",
            settings.beta_r * _number(state.progress_R),
        )
    ]
    if bool(state.residual_RK.any()):
        bound = settings.beta_u * _number(state.uncertainty_R)
        rules.append(_below("coverage", coverage, f"{settings.beta_u:g} x uncertainty", bound))
    return rules


def _stall(state: GateState, settings: AxonSettings) -> list[Comparison]:
    progress, before = _number(state.progress_R), _number(state.last_progress())
    return [Comparison("progress", progress, "<=", "progress before", before), _slow(state, settings)]


def _adaptive(state: GateState, settings: AxonSettings) -> list[Comparison]:
    warm = int(state.checks()) >= settings.warmup
    eager = 2 * int(state.memory.gaps_B) >= settings.warmup
    return _stall(state, settings) if warm and eager else _gap(state, settings)


def _unified(state: GateState, settings: AxonSettings) -> list[Comparison]:
    nothing = not bool(state.proposal_RK.any())
    return _gap(state, settings) if nothing else [*_gap(state, settings), _slow(state, settings)]


def _mixture(state: GateState, settings: AxonSettings) -> list[Comparison]:
    if not bool(state.residual_RK.any()):
        return []
    share = settings.alpha
    bound = share * _number(state.progress_R) + (1 - share) * _number(state.uncertainty_R)
    name = f"{share:g} x progress + {1 - share:g} x uncertainty"
    return [_below("coverage", _number(state.coverage_R), name, bound)]


def _slow(state: GateState, settings: AxonSettings) -> Comparison:
    masked = int(state.masked_RK.sum())
    left = max(1, settings.target_nfe - int(state.block_step_R))
    return _below(
        "progress",
        _number(state.progress_R),
        f"pace for {settings.target_nfe} steps a block",
        -(-masked // left) / max(1, masked),
    )


def _below(name: str, value: float, bound_name: str, bound: float) -> Comparison:
    return Comparison(name, value, "<", bound_name, bound)


def _number(values_R: torch.Tensor) -> float:
    return float(values_R.item())


RULES: dict[str, Callable[[GateState, AxonSettings], list[Comparison]]] = {
    "coverage_gap": _gap,
    "progress_stall": _stall,
    "adaptive_coverage": _adaptive,
    "unified": _unified,
    "cp_alpha": _mixture,
}
