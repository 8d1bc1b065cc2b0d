"""Capture: which layers, which rows, never a changed logit, never a look that nobody asked for."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import axon.attention
from axon import AxonSettings, Confidence, Dawn, DecodeSettings, MaskedDiffusionModel, decode
from axon.attention import Capture
from axon.layers import resolve_layers
from tests.axon.toy_model import MASK, toy_model


@pytest.mark.parametrize(
    ("spec", "layers"),
    [
        ("all", tuple(range(8))),
        ("first 2", (0, 1)),
        ("middle 2", (3, 4)),
        ("last 4", (4, 5, 6, 7)),
        ("3,5,7", (3, 5, 7)),
        ("4-6", (4, 5, 6)),
        ("7", (7,)),
    ],
)
def test_layer_choices(spec: str, layers: tuple[int, ...]) -> None:
    assert resolve_layers(spec, 8) == layers


@pytest.mark.parametrize("spec", ["last 9", "first 0", "3,8", "6-9", "5-4", "few", "", "-1"])
def test_impossible_layer_choices_are_refused(spec: str) -> None:
    with pytest.raises(ValueError, match=r"^axon\.attention_layers="):
        resolve_layers(spec, 8)


@pytest.mark.parametrize("family", ["llada", "dream", "sdar"])
def test_capture_changes_no_logit_and_padding_is_never_seen(family: str) -> None:
    model = toy_model(family)
    layout = model.layout([5, 2], 6, 3)
    tokens = torch.full((2, 11), MASK)
    tokens[0, :5] = torch.arange(5)
    tokens[1, 3:5] = torch.arange(2)
    capture = Capture((0, 1), layout.real_BW)
    hidden = model(tokens, layout, capture)
    assert torch.equal(hidden, model(tokens, layout))

    other = tokens.clone()
    other[1, :3] = 7
    assert torch.equal(model(other, layout)[1, 3:], hidden[1, 3:])
    alone = model(tokens[1:, 3:], model.layout([2], 6, 3))
    torch.testing.assert_close(alone[0], hidden[1, 3:])

    rows, columns = torch.tensor([1]), torch.arange(3, 11)[None]
    attention = capture.rows(rows, columns)[0]
    torch.testing.assert_close(attention.sum(1), torch.ones(8))
    assert attention[:, :3].max() == 0
    torch.testing.assert_close(capture.column_means(rows)[0], attention.mean(0))
    if family == "sdar":
        assert attention[0, 5 - 3 + 3 :].max() == 0  # the prompt sees itself alone
        assert attention[2, 8:].max() == 0 < attention[5, 8:].max()  # the first block not the second


def test_column_means_do_not_depend_on_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    model = toy_model()
    layout = model.layout([5, 2], 6, 3)
    capture = Capture((0, 1), layout.real_BW)
    model(torch.full((2, 11), 3), layout, capture)
    rows = torch.tensor([0, 1])
    whole = capture.column_means(rows)
    monkeypatch.setattr(axon.attention, "CHUNK_ELEMENTS", 1)
    torch.testing.assert_close(capture.column_means(rows), whole)


def _looks(model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> list[str]:
    calls: list[str] = []
    for name in ("keep", "rows", "column_means"):
        plain = getattr(Capture, name)

        def spy(self: Capture, *args: Any, _plain: Any = plain, _name: str = name) -> Any:
            calls.append(_name)
            return _plain(self, *args)

        monkeypatch.setattr(Capture, name, spy)
    trace = decode(model, [[1, 2, 3]], DecodeSettings(gen_length=8, block_length=4, **settings))[0]
    monkeypatch.undo()
    calls.append(f"{trace.gate_checks} checks, {len(trace.axon_steps)} fired, {trace.nfe} steps")
    return calls


def test_nobody_looks_at_attention_in_vain(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Confidence(threshold=1.0)  # one token a step, eight steps
    assert _looks(model, monkeypatch, decoder=slow, axon=AxonSettings(gate="never")) == [
        "0 checks, 0 fired, 8 steps"
    ]
    # `always` spends its budget in the first step of a block: one look each, none in the other six steps.
    one = AxonSettings(gate="always", attention_layers="last 1")
    assert _looks(model, monkeypatch, decoder=slow, axon=one) == ["keep", "rows", "column_means"] * 2 + [
        "2 checks, 2 fired, 8 steps"
    ]
    # DAWN looks in every step, and AXON uses what DAWN has seen.
    dawn = Dawn(tau_low=1.0, tau_induce=1.0)
    calls = _looks(model, monkeypatch, decoder=dawn, axon=one)
    steps = int(calls[-1].split()[-2])
    assert calls[:-1] == ["keep", "rows", "column_means"] * steps
