"""Decoders, gates and policies declare what they read: nothing else is computed, and reaching further raises."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from axon import (
    AxonSettings,
    Confidence,
    Credit,
    Dawn,
    DecodeSettings,
    Klass,
    MaskedDiffusionModel,
    Rcr,
    Wino,
    decode,
)
from axon.attention import Capture
from axon.decoders import Decoder
from axon.forward import Forward
from axon.gates import GATES, Gate, GateState
from axon.identity import decode_identity
from axon.policies import POLICIES, Fixed
from axon.proposal import Proposal
from axon.reads import Undeclared
from axon.state import StepState
from tests.axon.test_laws import BLOCK, COMBINATIONS, GEN, MIXED, every_combination


class Spied(Counter[str]):
    """How often each way to read beyond the block was taken."""


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Spied:
    calls = Spied()
    for owner, name in [
        (Capture, "keep"),
        (Capture, "rows"),
        (Capture, "column_means"),
        (Capture, "means_and_rows"),
        (Forward, "log_probs"),
        (Forward, "p_max_at"),
    ]:
        plain = getattr(owner, name)

        def spy(self: Any, *args: Any, _plain: Any = plain, _name: str = name) -> Any:
            calls[_name] += 1
            return _plain(self, *args)

        monkeypatch.setattr(owner, name, spy)
    return calls


def _asked(decoder: Any, **axon: Any) -> DecodeSettings:
    return DecodeSettings(GEN, BLOCK, decoder=decoder, axon=AxonSettings(attention_layers="last 1", **axon))


@pytest.mark.slow
@every_combination
def test_what_nobody_declares_is_not_computed(
    name: str, model: MaskedDiffusionModel, computed: Spied
) -> None:
    setting = COMBINATIONS[name]
    decoder, gate = setting.decoder, GATES[setting.axon.gate]
    traces = decode(model, MIXED, setting, seeds=range(len(MIXED)))
    sequence = decoder.reads == "sequence"
    if gate is None and not decoder.needs_attention:
        assert not any(computed[name] for name in ("keep", "rows", "column_means", "means_and_rows"))
    if not sequence:
        assert computed["log_probs"] == computed["p_max_at"] == 0
        own = 2 * BLOCK if decoder.needs_shadow else BLOCK
        most = own * decoder.branches
        assert all(trace.nfe * own <= trace.logit_positions <= trace.nfe * most for trace in traces)
        fired = any(trace.axon_steps for trace in traces)
        means = computed["column_means"] + computed["means_and_rows"]
        assert bool(means) == fired, "the sinks of AXON's anchors alone need them"


def test_a_gate_remembers_each_row_however_many_are_asked(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows whose budget is spent are not asked; what it keeps of the others is there at the next check."""
    asked: list[Tensor | None] = []

    class Asked:
        def asked(self, rows_R: Tensor | None, *_: Any) -> None:
            asked.append(rows_R)

        def chose(self, *_: Any) -> None: ...

        def stepped(self, *_: Any) -> None: ...

    def counting(state: GateState, settings: AxonSettings) -> Tensor:
        assert torch.equal(state.memory.gaps_B, state.checks())
        state.memory.gaps_B = state.memory.gaps_B + 1
        return (1000 * state.p_max_RK.sum(1)).long() % 3 == 0  # in some rows, at any step

    monkeypatch.setitem(GATES, "always", Gate(counting, needs_attention=False))
    traces = decode(model, MIXED, _asked(Confidence(threshold=1.0), gate="always"), watcher=Asked())
    assert sum(rows_R is not None for rows_R in asked) > 2
    assert max(trace.gate_checks for trace in traces) > 4


@dataclass(frozen=True, kw_only=True)
class InBlock(Decoder):
    """Reveals the masked position that the block attends to most."""

    needs_attention: ClassVar[bool] = True
    name: str = "in_block"

    def propose(self, state: StepState) -> Proposal:
        attended_BK = state.attention().sum(1).masked_fill(~state.masked_BK, -1)
        return Proposal(state.masked_BK & (attended_BK == attended_BK.amax(1, keepdim=True)))


@dataclass(frozen=True, kw_only=True)
class Noisy(Decoder):
    """Reveals at random."""

    name: str = "noisy"
    needs_seeds: ClassVar[bool] = True  # type: ignore[misc]

    def propose(self, state: StepState) -> Proposal:
        return Proposal(state.masked_BK & (state.noise() > 0.5))


def test_attention_within_the_block_takes_no_column_means(
    model: MaskedDiffusionModel, computed: Spied
) -> None:
    setting = _asked(InBlock(), gate="never")
    together = decode(model, MIXED, setting)
    assert computed["rows"] and not computed["column_means"]
    assert together == [decode(model, [prompt], setting)[0] for prompt in MIXED]
    assert len({trace.revealed_at for trace in together}) > 1


def test_a_policy_that_reads_its_block_alone_takes_no_column_means(
    model: MaskedDiffusionModel, computed: Spied, monkeypatch: pytest.MonkeyPatch
) -> None:
    class InBlockPolicy(Fixed):
        reads = "block"

    monkeypatch.setitem(POLICIES, "fixed", InBlockPolicy())
    traces = decode(model, MIXED, _asked(Confidence(), gate="always"))
    assert computed["rows"] and not computed["column_means"]
    assert all(trace.anchors and not trace.axon_columns for trace in traces)


def test_a_gate_that_reads_the_sequence_is_told_the_sinks(
    model: MaskedDiffusionModel, computed: Spied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And they are computed once, for it and for the anchors."""
    shapes = []

    def fires(state: GateState, _: AxonSettings) -> torch.Tensor:
        shapes.append((state.sinks().shape, state.sinks().dtype) == (state.masked_RK.shape, torch.bool))
        return state.sinks().any(1)

    monkeypatch.setitem(GATES, "always", Gate(fires, needs_attention=False, reads="sequence"))
    traces = decode(model, MIXED, _asked(Confidence(), gate="always", tau_sink="1x"))
    assert all(shapes) and any(trace.axon_steps for trace in traces)
    assert computed["column_means"] == len(shapes)


@pytest.mark.parametrize(
    ("decoder", "attribute", "value", "declaration"),
    [
        (Klass(), "reads", "block", "reads = 'sequence'"),
        (Dawn(), "reads", "block", "reads = 'sequence'"),
        (Dawn(), "needs_attention", False, "needs_attention"),
        (InBlock(), "needs_attention", False, "needs_attention"),
        (Noisy(), "needs_seeds", False, "needs_seeds"),
        (Wino(), "needs_shadow", False, "needs_shadow"),
        (Rcr(), "revises", False, "revises"),
    ],
)
def test_a_decoder_that_reaches_further_is_named_with_what_to_declare(
    decoder: Any,
    attribute: str,
    value: Any,
    declaration: str,
    model: MaskedDiffusionModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setting = _asked(decoder, gate="never")
    decode(model, MIXED, setting, seeds=range(len(MIXED)))
    monkeypatch.setattr(type(decoder), attribute, value)
    with pytest.raises(Undeclared) as caught:
        decode(model, MIXED, setting, seeds=range(len(MIXED)))
    assert f"decoder {decoder.name}" in str(caught.value) and declaration in str(caught.value)
    assert "\n" not in str(caught.value) and isinstance(caught.value, AssertionError)


@pytest.mark.parametrize(
    ("name", "declaration"),
    [
        (name, declaration)
        for declaration in ("needs_attention", "needs_last_progress")
        for name, gate in GATES.items()
        if getattr(gate, declaration, False)
    ],
)
def test_a_gate_that_reaches_further_is_named_with_what_to_declare(
    name: Any, declaration: str, model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate: Any = GATES[name]
    settings = _asked(Confidence(), gate=name)
    decode(model, MIXED, settings)
    monkeypatch.setitem(GATES, name, replace(gate, **{declaration: False}))
    told = f"gate {name} uses what it does not declare; declare {declaration} in its class, a gate's in GATES"
    with pytest.raises(Undeclared, match=f"^{told}$"):
        decode(model, MIXED, settings)


ANSWERS: dict[str, Any] = {
    "NoneType": lambda right: None,
    "int64": lambda right: right.long(),
    r"\w+ \(": lambda right: right[..., :1] if right.ndim > 1 else right[:, None],
}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize(
    "part",
    [
        "decoder credit: what boosted",
        "gate always: what it",
        "policy fixed: what score",
        "policy fixed: what stop",
    ],
)
def test_a_rule_whose_answer_is_of_no_use_is_named(
    part: str, kind: str, model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some would be every row's or every candidate's, by broadcasting."""
    answer, always = ANSWERS[kind], GATES["always"]
    assert always is not None
    if part.startswith("gate"):
        gate = Gate(lambda *asked: answer(always.fires(*asked)), needs_attention=False)
        monkeypatch.setitem(GATES, "always", gate)
    else:
        owner, name = (Credit if part.startswith("decoder") else Fixed), part.split()[-1]
        right: Any = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *asked: answer(right(*asked)))
    with pytest.raises(AssertionError, match=rf"^{part} returns is {kind}.*; make it (bool|floats) \("):
        decode(model, MIXED, _asked(Credit(), gate="always", anchors=3))


@pytest.mark.parametrize("answer", [lambda cap: 3, lambda cap: cap[:, None], lambda cap: cap > 1])
def test_a_cap_of_no_use_is_named(
    answer: Any, model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fixed, "cap", lambda self, support: answer(support.log_cap_F))
    with pytest.raises(AssertionError, match=r"^policy fixed: what cap returns is .*; make it numbers \("):
        decode(model, MIXED, _asked(Confidence(), gate="always", anchors=3))


@pytest.mark.parametrize("most", [2.5, None, torch.tensor(2)])
def test_a_number_of_rounds_that_is_none_is_named(
    most: Any, model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fixed, "rounds", lambda *asked: most)
    with pytest.raises(AssertionError, match=r"^policy fixed: what rounds returns is .*; make it an int$"):
        decode(model, MIXED, _asked(Confidence(), gate="always"))


class NoPolicy:
    """Has what Fixed has, as far as somebody thought of."""

    def rounds(self, length: int, settings: AxonSettings) -> int:
        return 1


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (NoPolicy(), "NoPolicy, its entry in POLICIES, is no policy; derive its class from Fixed"),
        (NoPolicy, "NoPolicy, its entry in POLICIES, is a class; derive its class from Fixed"),
        (Fixed, "Fixed, its entry in POLICIES, is a class; write Fixed() there"),
    ],
)
def test_what_is_no_policy_is_refused_by_name(
    entry: Any, line: str, model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(POLICIES, "fixed", entry)
    setting = _asked(Confidence(), gate="always")
    for ask in (lambda: decode_identity(setting, 2), lambda: decode(model, MIXED, setting)):
        with pytest.raises(ValueError, match="^" + re.escape(f"axon.policy='fixed': {line}") + "$"):
            ask()


def test_a_decoder_that_makes_logits_of_its_own_is_named_where_they_are_no_numbers(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Credit, "boosted", lambda self, plain: plain.logits_BKV * torch.nan)
    with pytest.raises(ValueError, match=r"in its weights, and in what decoder credit makes of the logits"):
        decode(model, MIXED, _asked(Credit(), gate="never"))


def test_every_part_declares_one_of_the_two(model: MaskedDiffusionModel) -> None:
    parts: list[Any] = [*(s.decoder for s in COMBINATIONS.values()), *filter(None, GATES.values())]
    assert {part.reads for part in (*parts, *POLICIES.values())} == {"block", "sequence"}
