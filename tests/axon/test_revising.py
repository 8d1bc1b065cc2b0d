"""Decoders that take tokens back: what the laws leave to be shown (test_laws.py tries them as all others)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from axon import DecodeSettings, MaskedDiffusionModel, Trace, decode
from axon.batch import Batch
from axon.decoders import Decoder
from axon.events import Change, Events
from axon.proposal import REMASK_STEPS, Proposal
from axon.reads import Undeclared
from axon.state import StepState
from axon.trace import Event
from tests.axon.test_laws import BLOCK, COMBINATIONS, GEN, MIXED, law
from tests.axon.toy_decoders import TOYS
from tests.axon.toy_model import MASK, toy_model


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("remasking", {"reveal", "remask"}),
        ("remasking_forever", {"reveal", "remask"}),
        ("editing", {"reveal", "remask", "replace"}),
        ("wino", {"reveal", "remask"}),
        ("polishing", {"reveal", "remask"}),
        ("joint_threshold", {"reveal", "replace"}),
    ],
)
def test_none_is_inert(name: str, kinds: set[str]) -> None:
    """The laws would say nothing of a decoder that takes no token back."""
    traces = [
        t for seed in range(4) for t in decode(toy_model(seed=seed), MIXED, COMBINATIONS[f"{name}, never"])
    ]
    assert {event.kind for trace in traces for event in trace.events} == kinds


def test_the_host_knows_how_many_events_the_log_has_to_hold(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One too few, and the log would lose an event when the steps that fill it are written down."""
    read, told = Batch.read, []

    def spied(self: Batch, revises: bool) -> list[list[int]]:
        found, log = read(self, revises), self.events
        pending = sum(places_BK.shape[1] for _, places_BK in log.pending)
        told.append((log.most, int(log.last_B1.max()) + 1))
        assert log.most + pending <= log.room
        return found

    monkeypatch.setattr(Batch, "read", spied)
    monkeypatch.setattr("axon.events.AT_ONCE", 3)
    decode(model, MIXED, COMBINATIONS["remasking, never"])
    assert len({counted for _, counted in told}) > 3 and all(known == counted for known, counted in told)


def test_remasking_for_ever_ends_by_the_cap(model: MaskedDiffusionModel) -> None:
    """One token is revealed a step and all others are masked again, until remasking is ignored."""
    for trace in decode(model, MIXED, COMBINATIONS["remasking_forever, never"]):
        assert trace.nfe == GEN // BLOCK * (REMASK_STEPS * BLOCK + BLOCK - 1)
        for block in range(GEN // BLOCK):
            steps = [event.step for event in trace.events if event.position // BLOCK == block]
            again = [e.step for e in trace.events if e.kind == "remask" and e.position // BLOCK == block]
            assert max(again) == min(steps) + REMASK_STEPS * BLOCK - 1


def test_a_token_is_final_from_its_last_event_on() -> None:
    events = (
        Event(0, 0, 5, "reveal", "decoder"),
        Event(0, 1, 7, "reveal", "axon"),
        Event(1, 0, 9, "remask", "decoder"),
        Event(1, 2, 4, "reveal", "decoder"),
        Event(2, 0, 6, "reveal", "decoder"),
        Event(3, 1, 8, "replace", "decoder"),
        Event(3, 3, 2, "reveal", "axon_fallback"),
    )
    trace = Trace(
        prompt=(1, 1),
        tokens=(6, 8, 4, 2),
        events=events,
        nfe=4,
        confidences=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
    )
    assert trace.revealed_with == (0.5, None, 0.4, 0.7)
    assert trace.revealed_at == (2, 0, 1, 3)
    assert trace.reveals() == [[2, 3], [4], [2], [5]]
    assert (trace.axon_steps, trace.unsupported_steps) == ((0, 3), (3,))
    assert (trace.nfe_to_eos([6]), trace.nfe_to_eos([8]), trace.tokens_decoded) == (3, 4, 4)


@dataclass(frozen=True, kw_only=True)
class Rogue(Decoder):
    """Proposes whatever `rule` says of the state."""

    revises: ClassVar[bool] = True

    name: str = "rogue"
    rule: Any

    def propose(self, state: StepState) -> Proposal:
        return self.rule(state)


def _leftmost(state: StepState) -> torch.Tensor:
    return state.masked_BK & (state.masked_BK.cumsum(1) == 1)


BROKEN = {
    "reveals what is revealed": lambda s: Proposal(_leftmost(s) | ~s.masked_BK),
    "remasks what is masked": lambda s: Proposal(s.top_one(), s.masked_BK),
    "replaces what is masked": lambda s: Proposal(s.top_one(), None, s.masked_BK, s.token_BK),
    "remasks and replaces": lambda s: Proposal(s.top_one(), ~s.masked_BK, ~s.masked_BK, s.token_BK),
    "writes the mask token": lambda s: Proposal(
        s.top_one(), None, ~s.masked_BK, torch.full_like(s.token_BK, MASK)
    ),
}


def _with(decoder: Decoder) -> DecodeSettings:
    return replace(COMBINATIONS["confidence, never"], decoder=decoder)  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_proposal_is_told_with_its_decoder(rule: str, model: MaskedDiffusionModel) -> None:
    assert decode(model, MIXED, _with(Rogue(rule=lambda s: Proposal(_leftmost(s)))))
    with pytest.raises(
        AssertionError, match=r"decoder rogue: its proposal breaks a rule of axon/proposal\.py"
    ):
        decode(model, MIXED, _with(Rogue(rule=BROKEN[rule])))


def test_replacing_needs_a_token(model: MaskedDiffusionModel) -> None:
    with pytest.raises(AssertionError, match="give it token_BK"):
        decode(model, MIXED, _with(Rogue(rule=lambda s: Proposal(s.top_one(), None, ~s.masked_BK))))


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (lambda s: s.top_one(), "decoder rogue: propose returns a Tensor; let it return a Proposal"),
        (lambda s: None, "decoder rogue: propose returns a NoneType; let it return a Proposal"),
        (lambda s: Proposal(s.top_one()[0]), r"a proposal is bool \(\d+,\); make it bool \(\d+, \d+\)"),
        (lambda s: Proposal(s.top_one()[:1]), r"a proposal is bool \(1, \d+\)"),
        (lambda s: Proposal(s.top_one().double()), r"a proposal is float64 \(\d+, \d+\); make it bool"),
        (lambda s: Proposal(s.top_one(), s.masked_BK.long()), "a proposal is int64"),
        (lambda s: Proposal(s.top_one().tolist()), r"a proposal is list; make it bool \(\d+, \d+\)"),
    ],
)
def test_what_is_no_mask_of_the_block_is_told(rule: Any, line: str, model: MaskedDiffusionModel) -> None:
    """One row's proposal would be every row's, by broadcasting."""
    with pytest.raises(AssertionError, match=line):
        decode(model, MIXED, _with(Rogue(rule=rule)))


@pytest.mark.parametrize("name", TOYS)
def test_only_decoders_that_say_so_take_tokens_back(
    name: str, model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(TOYS[name]), "revises", False)
    with pytest.raises(Undeclared, match=f"decoder {name} remasks or replaces; declare revises"):
        decode(model, MIXED, COMBINATIONS[f"{name}, never"])


@law(50)
@given(data=st.data(), rows=st.integers(1, 3), room=st.integers(1, 6), together=st.integers(1, 5))
def test_the_log_keeps_every_event_however_many_there_are(
    data: Any, rows: int, room: int, together: int
) -> None:
    """Against a plain list per row, while the log grows, however many steps are written down together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("axon.events.AT_ONCE", together)
        _keeps_every_event(data, rows, room)


def _keeps_every_event(data: Any, rows: int, room: int) -> None:
    length, device = 3, torch.device("cpu")
    log, expected = Events.none(rows, room, device), [[] for _ in range(rows)]
    for step in range(data.draw(st.integers(0, 12))):
        kinds = torch.tensor(data.draw(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3),
                                                min_size=rows, max_size=rows)))  # fmt: skip
        places = torch.arange(length).expand(rows, -1)
        log.most = int(log.last_B1.max()) + 1
        log.reserve(length)
        log.append(
            Change(
                kinds > 0,
                kinds - 1,
                places + 10 * step,
                torch.zeros_like(kinds),
                (places + 10 * step).double() / 50,
            ),
            places,
        )
        for row, events in enumerate(expected):
            events += [
                Event(step, place, place + 10 * step, ("reveal", "remask", "replace")[kind - 1], "decoder")
                for place, kind in enumerate(kinds[row].tolist())
                if kind
            ]
    assert [list(log.of_row(row)) for row in range(rows)] == expected
    for row, events in enumerate(expected):
        own = [event.token / 50 for event in events]
        assert log.confidences(row, len(events)) == pytest.approx(own)
