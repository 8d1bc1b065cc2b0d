"""Gates and policies declare which settings they read: the rest moves no token, and is no part of an identity.

Two sides: all unread settings changed at once leave every trace as it was (by decoding); each setting that is read
changes some outcome (of the gate's or the policy's own function on random states, or of a decode).
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from axon import AxonSettings, Confidence, Dawn, DecodeSettings, MaskedDiffusionModel, Trace, decode
from axon.anchors import choose
from axon.gates import GATES, GateMemory, GateState
from axon.identity import ALWAYS_READ, axon_identity, decode_identity
from axon.laws.comparisons import CHANGED
from axon.layers import resolve_layers
from axon.policies import POLICIES, Support
from axon.reads import undeclared
from tests.axon.toy_model import LAYERS, toy_model

GEN, BLOCK, STATES = 16, 8, 400
PROMPTS = [[seed, (seed * 7) % 22, *range(seed % 5)] for seed in range(1, 16)]
BASE = AxonSettings(
    tau_sink="2x", attention_layers="last 1", max_anchor_steps=2, anchors=2, warmup=3, target_nfe=6
)
FIRING = tuple(name for name in GATES if name != "never")

# What a setting is changed to. Those that a gate or a policy may read (the law's CHANGED has the last value of each),
# and those that AXON reads whatever they are.
OF_THE_CHOICE: dict[str, tuple[Any, ...]] = {
    "target_nfe": (2, 16),
    "beta_r": (0.0, 3.0),
    "beta_u": (0.0, 3.0),
    "alpha": (0.0, 1.0),
    "warmup": (1, 6),
    "anchors": (1, 4),
    "min_anchors": (3, 4),
    "objective": ("graph_cut",),
    "conflict_threshold": (0.0, 0.01),
}
OF_AXON: dict[str, tuple[dict[str, Any], ...]] = {
    "gate": ({"gate": "coverage_gap"},),
    "policy": ({"policy": "cover"},),
    "max_anchor_steps": ({"max_anchor_steps": 1},),
    "uncertainty_threshold": ({"uncertainty_threshold": 0.8},),
    "combine": ({"combine": "union"},),
    "attention_layers": ({"attention_layers": "first 1"},),
    "tau_sink": ({"tau_sink": "0.5x"},),
    "max_candidates": ({"min_candidates": 2, "max_candidates": 2},),
    "min_candidates": ({"min_candidates": 1, "candidate_ratio": 0.1},),
    "budget_counts": (),  # with a gate that may stay silent only: a test of its own
    "candidate_ratio": (),  # between unequal bounds only: a test of its own
    "own": (),  # of packages' rules: test_own_rules.py
}


@pytest.fixture(scope="module")
def networks() -> list[MaskedDiffusionModel]:
    return [toy_model(seed=seed) for seed in range(2)]


def _decoded(networks: list[MaskedDiffusionModel], axon: AxonSettings) -> list[list[Trace]]:
    settings = DecodeSettings(GEN, BLOCK, decoder=Confidence(threshold=0.5), axon=axon)
    return [decode(network, PROMPTS, settings) for network in networks]


def _reveals(decoded: list[list[Trace]]) -> list[Any]:
    return [(trace.tokens, trace.revealed_at) for traces in decoded for trace in traces]


def _identity(axon: AxonSettings) -> dict[str, Any]:
    return axon_identity(axon, list(resolve_layers(axon.attention_layers, LAYERS)), BLOCK)


def _states() -> GateState:
    """Random states of a block, as many rows as STATES."""
    generator = torch.Generator().manual_seed(0)
    masked = torch.rand(STATES, BLOCK, generator=generator) < 0.8
    masked[:, 0] = True
    proposal = masked & (torch.rand(STATES, BLOCK, generator=generator) < 0.3)
    p_max = torch.rand(STATES, BLOCK, generator=generator, dtype=torch.float64)
    checks = torch.randint(0, 9, (STATES,), generator=generator)
    last_progress = torch.rand(STATES, generator=generator, dtype=torch.float64)
    attention = torch.softmax(2 * torch.randn(STATES, BLOCK, BLOCK, generator=generator), 2)
    return GateState(
        masked_RK=masked,
        proposal_RK=proposal,
        p_max_RK=p_max,
        block_step_R=torch.randint(0, 9, (STATES,), generator=generator),
        checks=lambda: checks,
        memory=GateMemory(torch.randint(0, 5, (STATES,), generator=generator)),
        attention=lambda: attention,
        sinks=undeclared("a gate", "reads"),
        last_progress=lambda: last_progress,
    )


def _support() -> Support:
    """Random anchor problems, with conflicts around the published threshold."""
    generator = torch.Generator().manual_seed(0)
    conflict = 0.15 * torch.rand(STATES, BLOCK, BLOCK, generator=generator, dtype=torch.float64)
    target_F = torch.rand(STATES, generator=generator, dtype=torch.float64) * 4
    return Support(
        weights_FKK=torch.rand(STATES, BLOCK, BLOCK, generator=generator, dtype=torch.float64) ** 4,
        confidence_FK=torch.rand(STATES, BLOCK, generator=generator, dtype=torch.float64),
        valid_FK=torch.ones(STATES, BLOCK, dtype=torch.bool),
        masked_FK=torch.ones(STATES, BLOCK, dtype=torch.bool),
        proposal_FK=torch.arange(BLOCK).expand(STATES, -1) < 4,
        target=lambda: target_F,
        conflict=lambda: (conflict + conflict.transpose(1, 2)) / 2,
    )


def test_every_setting_of_axon_is_tried_here() -> None:
    assert set(OF_THE_CHOICE) | set(OF_AXON) == {field.name for field in fields(AxonSettings)}
    assert set(ALWAYS_READ) <= set(OF_AXON)
    assert {name: values[-1] for name, values in OF_THE_CHOICE.items()} == CHANGED


@pytest.mark.slow
@pytest.mark.parametrize("gate", FIRING)
@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_not_read_moves_nothing(gate: Any, policy: Any, networks: list[MaskedDiffusionModel]) -> None:
    axon = replace(BASE, gate=gate, policy=policy)
    changes = {name: value for name, value in CHANGED.items() if name not in _identity(axon)}
    other = replace(axon, **changes)
    assert changes and _identity(other) == _identity(axon)
    assert _decoded(networks, other) == _decoded(networks, axon)


@pytest.mark.parametrize(
    ("gate", "name"), [(g, name) for g, rule in GATES.items() if rule for name in rule.settings_read]
)
def test_what_a_gate_reads_moves_it(gate: str, name: str) -> None:
    rule = GATES[gate]
    assert rule is not None
    fires = rule.fires(_states(), BASE)
    others = [rule.fires(_states(), replace(BASE, **{name: value})) for value in OF_THE_CHOICE[name]]
    assert any(not torch.equal(other, fires) for other in others)


@pytest.mark.parametrize(
    ("policy", "name"), [(p, name) for p, rule in POLICIES.items() for name in rule.settings_read(BASE)]
)
def test_what_a_policy_reads_moves_it(policy: Any, name: str) -> None:
    axon = replace(BASE, policy=policy)
    chosen = choose(_support(), axon)
    others = [choose(_support(), replace(axon, **{name: value})) for value in OF_THE_CHOICE[name]]
    assert any(not torch.equal(other, chosen) for other in others)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, changes in OF_AXON.items() if changes])
def test_what_axon_always_reads_moves_a_decode(name: str, networks: list[MaskedDiffusionModel]) -> None:
    axon = replace(BASE, gate="always")
    [change] = OF_AXON[name]
    assert _identity(replace(axon, **change)) != _identity(axon)
    assert _reveals(_decoded(networks, replace(axon, **change))) != _reveals(_decoded(networks, axon))


@pytest.mark.slow
def test_the_candidate_ratio_counts_between_unequal_bounds_only(networks: list[MaskedDiffusionModel]) -> None:
    wide = replace(BASE, gate="always", min_candidates=1, max_candidates=8, candidate_ratio=0.25)
    other = replace(wide, candidate_ratio=0.75)
    assert _identity(wide) != _identity(other)
    assert _reveals(_decoded(networks, wide)) != _reveals(_decoded(networks, other))
    narrow, narrower = (replace(axon, min_candidates=8) for axon in (wide, other))
    assert _identity(narrow) == _identity(narrower)
    assert _decoded(networks, narrow) == _decoded(networks, narrower)


def test_what_spends_the_budget_counts_where_a_gate_may_stay_silent(
    networks: list[MaskedDiffusionModel],
) -> None:
    for gate, matters in (("always", False), ("coverage_gap", True)):
        axon = replace(BASE, gate=gate, max_anchor_steps=1)
        steps = replace(axon, budget_counts="steps")
        assert (_identity(axon) != _identity(steps)) == matters
        assert (_reveals(_decoded(networks, axon)) != _reveals(_decoded(networks, steps))) == matters


def test_bounds_beyond_a_block_are_one_bound() -> None:
    within = replace(BASE, min_candidates=BLOCK, max_candidates=BLOCK)
    for least, most in ((BLOCK, 32), (16, 32), (32, 32)):
        assert _identity(replace(BASE, min_candidates=least, max_candidates=most)) == _identity(within)


def test_a_relative_threshold_counts_to_the_last_digit() -> None:
    """Two between which a column becomes a sink decode otherwise."""
    network = toy_model()
    axons = [
        AxonSettings("always", "cover", tau_sink=tau, attention_layers="last 1", max_anchor_steps=4)
        for tau in ("1.000363x", "1.000364x")
    ]
    fine, finer = (DecodeSettings(GEN, BLOCK, decoder=Confidence(threshold=0.5), axon=axon) for axon in axons)
    assert _reveals([decode(network, PROMPTS, fine)]) != _reveals([decode(network, PROMPTS, finer)])
    assert decode_identity(fine, LAYERS) != decode_identity(finer, LAYERS)
    assert decode_identity(replace(fine, axon=replace(axons[0], tau_sink="4.0X")), LAYERS) == decode_identity(
        replace(fine, axon=replace(axons[0], tau_sink="4x")), LAYERS
    )


def test_the_objective_says_nothing_of_a_single_anchor(networks: list[MaskedDiffusionModel]) -> None:
    one = replace(BASE, gate="always", anchors=1)
    cut = replace(one, objective="graph_cut")
    assert _identity(one) == _identity(cut) and _decoded(networks, one) == _decoded(networks, cut)


def test_dawn_takes_axons_sinks_where_it_names_none() -> None:
    def identity(decoder: Dawn, tau_sink: Any) -> dict[str, Any]:
        axon = AxonSettings(gate="never", tau_sink=tau_sink, attention_layers="all")
        return decode_identity(DecodeSettings(GEN, BLOCK, decoder=decoder, axon=axon), LAYERS)

    assert identity(Dawn(), "4x") == identity(Dawn(tau_sink="4.0x"), 0.01)
    assert identity(Dawn(), "4x") != identity(Dawn(), 0.01)
