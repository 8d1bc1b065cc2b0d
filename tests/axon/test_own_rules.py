"""Gates and policies with settings of their own, as AXON's settings have them in Python."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
from torch import Tensor

from axon import AxonSettings, Confidence, DecodeSettings, MaskedDiffusionModel, decode
from axon.gates import GateState, coverage_gap, progress_stall
from axon.identity import decode_identity
from axon.laws.cases import SMALL
from axon.own_rules import OwnGate, OwnPolicy
from axon.policies import Cover
from axon.reads import Undeclared
from tests.axon.test_laws import BLOCK, GEN, MIXED


@dataclass(frozen=True, kw_only=True)
class Stall(OwnGate):
    """`progress_stall` where `gap` is 0, `coverage_gap` with it as both factors elsewhere."""

    needs_attention: ClassVar[bool] = True
    needs_last_progress: ClassVar[bool] = True
    settings_read: ClassVar[tuple[str, ...]] = ("target_nfe",)
    gap: float = 0.0

    def fires(self, state: GateState, settings: AxonSettings) -> Tensor:
        if not self.gap:
            return progress_stall(state, settings)
        return coverage_gap(state, replace(settings, gate="never", beta_r=self.gap, beta_u=self.gap))


@dataclass(frozen=True, kw_only=True)
class Greedy(OwnPolicy, Cover):
    """`cover`, as it is here."""


@dataclass(frozen=True, kw_only=True)
class Later(OwnPolicy):
    """Awaited by nobody."""

    async def score(self, *asked: Any) -> Tensor:  # type: ignore[override]
        raise NotImplementedError


OWN: dict[str, Any] = {"stall": Stall(), "greedy": Greedy()}


def settings(**axon: Any) -> DecodeSettings:
    return DecodeSettings(
        GEN, BLOCK, decoder=Confidence(threshold=0.6), axon=AxonSettings(**SMALL, own=OWN, **axon)
    )


@pytest.mark.parametrize(
    ("own", "here"),
    [
        ({"gate": "stall"}, {"gate": "progress_stall"}),
        ({"gate": "stall", "own": {"stall": Stall(gap=0.7)}}, {"gate": "coverage_gap", "beta_r": 0.7, "beta_u": 0.7}),
        ({"gate": "always", "policy": "greedy"}, {"gate": "always", "policy": "cover"}),
        ({"gate": "stall", "policy": "greedy"}, {"gate": "progress_stall", "policy": "cover"}),
    ],
)  # fmt: skip
def test_a_rule_decodes_as_its_equal_here(
    own: dict[str, Any], here: dict[str, Any], model: MaskedDiffusionModel
) -> None:
    found = replace(settings(), axon=replace(settings().axon, **{"own": OWN, **own}))
    traces = decode(model, MIXED, found)
    assert traces == decode(model, MIXED, settings(**here))
    assert any(trace.axon_steps for trace in traces)


def test_an_identity_has_what_the_chosen_rules_are_and_nothing_else() -> None:
    def identity(**axon: Any) -> dict[str, Any]:
        own = replace(settings(), axon=replace(settings().axon, **axon))
        return decode_identity(own, 2)

    without = DecodeSettings(GEN, BLOCK, decoder=Confidence(threshold=0.6), axon=AxonSettings(**SMALL))
    assert identity() == decode_identity(without, 2)
    assert "own" not in identity()["axon"] and identity()["versions"]["axon"] == 2
    stall = identity(gate="stall")
    assert stall["axon"]["own"] == {"stall": {"gap": 0.0}} and stall["axon"]["target_nfe"] == 2
    assert "beta_r" not in stall["axon"] and stall["versions"]["axon"]["axon"] == 2
    assert stall["versions"]["axon"]["stall"]["package"].startswith(f"{__name__} ")
    assert identity(gate="stall", own={"stall": Stall(gap=-0.0)}) == stall
    assert identity(gate="stall", own={"stall": Stall(gap=0.5)}) != stall
    assert identity(gate="stall", beta_r=0.5) == stall != identity(gate="stall", target_nfe=5)
    assert list(identity(gate="stall", policy="greedy")["axon"]["own"]) == ["stall", "greedy"]
    assert identity(policy="greedy")["versions"]["axon"].keys() == {"axon", "greedy"}


def test_settings_with_rules_are_values_as_others_are() -> None:
    axon = AxonSettings(gate="stall", own={"stall": Stall(gap=0.5)})
    assert axon == AxonSettings(gate="stall", own={"stall": Stall(gap=0.5)}) != replace(axon, own=OWN)
    assert {axon: 1}[deepcopy(axon)] == 1
    assert replace(replace(axon, gate="never"), gate="stall") == axon


def test_a_rule_that_uses_what_it_does_not_declare_is_named(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stall, "needs_last_progress", False)
    told = "^gate stall uses what it does not declare; declare needs_last_progress in its class"
    with pytest.raises(Undeclared, match=told):
        decode(model, MIXED, settings(gate="stall"))


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"gate": "stal"}, "axon.gate='stal': unknown; one of always, never, "),
        ({"gate": ["always"]}, "axon.gate=['always']: must be text; give a name"),
        ({"policy": "stall", "own": OWN}, "axon.policy='stall': Stall is not derived from OwnPolicy; name another"),
        ({"own": {"stall": {"gap": 0.5}}}, "axon.own='stall': unknown; install the package"),
        ({"gate": "stall", "own": {"stall": {}}}, "axon.gate='stall': unknown; one of always, "),
        ({"own": {"always": Stall()}}, "axon.own.always=Stall(gap=0.0): is the name of a rule that is here, "),
        ({"own": [Stall()]}, "axon.own=[Stall(gap=0.0)]: must be a group of rules by name; write "),
        ({"own": {"later": Later()}}, "axon.own.later.score=<bound method Later.score of "),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_in_a_line(wrong: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(line)) as caught:
        AxonSettings(**wrong)
    assert "\n" not in str(caught.value)
