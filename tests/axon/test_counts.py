"""What a trace counts beside its tokens: whether AXON and DAWN had anything to choose by, and what was computed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from axon import (
    AxonSettings,
    Confidence,
    Dawn,
    DecodeSettings,
    Klass,
    Lopa,
    MaskedDiffusionModel,
    Wino,
    decode,
)
from axon.attention import kernel_name
from axon.counts import COUNTS, RowCounts
from axon.mechanism import Mechanism
from axon.models import body
from tests.axon.toy_model import toy_model
from tests.axon.traces import trace_of

GEN, BLOCK = 8, 4
PROMPTS = [[1, 2, 3], [4, 5, 6, 7, 8], [9]]


def _settings(decoder: Any, tau_sink: Any, gate: Any = "always") -> DecodeSettings:
    axon = AxonSettings(gate=gate, tau_sink=tau_sink, attention_layers="all", policy="cover")
    return DecodeSettings(GEN, BLOCK, decoder=decoder, axon=axon)


def test_below_uniform_attention_axon_and_dawn_are_empty_and_the_trace_says_so(
    model: MaskedDiffusionModel,
) -> None:
    for trace in decode(model, PROMPTS, _settings(Dawn(tau_low=0.3), tau_sink=0.0)):
        assert trace.axon_steps and trace.unsupported_steps == trace.axon_steps
        assert trace.anchors == len(trace.axon_steps), "the fall-back is the one most confident token"
        assert trace.axon_sinks == trace.axon_columns
        assert trace.empty_graph_steps == trace.graph_steps
        assert trace.graph_sinks == trace.graph_columns


def test_above_it_they_are_not(model: MaskedDiffusionModel) -> None:
    traces = decode(model, PROMPTS, _settings(Dawn(tau_low=0.3, tau_edge=0.1), tau_sink="4x"))
    assert all(trace.axon_steps and not trace.unsupported_steps for trace in traces)
    assert any(trace.empty_graph_steps < trace.graph_steps for trace in traces)
    assert all(trace.axon_sinks < trace.axon_columns for trace in traces)


def test_a_last_mask_has_nobody_to_support_and_is_no_sign_of_empty_anchors(
    model: MaskedDiffusionModel,
) -> None:
    axon = AxonSettings(gate="always", tau_sink="4x", attention_layers="all", max_anchor_steps=BLOCK)
    for trace in decode(
        model, PROMPTS, DecodeSettings(GEN, BLOCK, decoder=Confidence(threshold=1.0), axon=axon)
    ):
        assert trace.nfe == len(trace.axon_steps) == GEN
        assert trace.unsupported_steps == ()


def test_the_base_decoder_alone_counts_nothing_of_axon(model: MaskedDiffusionModel) -> None:
    for trace in decode(model, PROMPTS, _settings(Confidence(threshold=0.4), tau_sink="4x", gate="never")):
        assert trace.unsupported_steps == ()
        assert trace.anchors == trace.axon_columns == trace.axon_sinks == 0
        assert trace.graph_steps == trace.graph_columns == 0


@pytest.mark.parametrize("family", ["llada", "dream", "sdar"])
@pytest.mark.parametrize(
    "decoder",
    [
        Confidence(threshold=0.4),
        Klass(threshold=0.2, kl_threshold=0.5, history=1),
        Lopa(threshold=0.6),
        Wino(threshold=0.3, threshold_back=0.6),
    ],
    ids=["confidence", "klass", "lopa", "wino"],
)
def test_flops_are_those_that_torch_counts(
    family: str, decoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row, so no padding; eager attention, whose products torch's counter sees. The last layer counts as whole."""
    network = toy_model(family)
    if decoder.needs_shadow and network.shifted:
        return
    network.network.set_attn_implementation(kernel_name("eager"))
    found = []
    for suits in (lambda _: True, lambda _: False):  # narrowed wherever nobody reads more, and never
        monkeypatch.setattr(body, "rows_round_alone", suits)
        with FlopCounterMode(display=False) as counter:
            [trace] = decode(network, [[1, 2, 3, 4, 5]], _settings(decoder, tau_sink="4x", gate="never"))
        found.append(counter.get_total_flops())
    narrowed, whole = found
    assert whole == network.flops(trace)
    assert narrowed < whole if decoder.reads == "block" else narrowed == whole


def test_whether_a_method_did_anything_is_told() -> None:
    mechanism = Mechanism()
    assert mechanism.lines() == []
    axon = trace_of((2, 3), (0, 1), (0,), (0,), anchors=1, axon_columns=4, axon_sinks=3)
    dawn = trace_of((2,), (0,), graph_steps=1, graph_columns=5, graph_sinks=5)
    clad = trace_of((2,), (0,), compared_steps=4, held_back_steps=1, held_back=2)
    lopa = trace_of((2,), (1,), ahead=2)
    revising = trace_of((2,), (1,), remasked=3, replaced=1)
    for trace in (axon, dawn, clad, lopa, revising):
        mechanism = mechanism.plus(trace)
    assert mechanism.lines() == [
        "AXON: 1 of 1 steps without any support, 1.00 anchors per step, 75 % of the block's columns are sinks",
        "DAWN: 0 of 1 graphs without an edge, 100 % of the columns are sinks",
        "attention: 2 tokens held back, in 1 of 4 steps",
        "looking ahead: 2 guesses kept",
        "tokens taken back: 3 masked again, 1 replaced",
    ]


AMOUNTS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["add", "unchanged", "marked", "of", "settle"])), max_size=20
)


@given(AMOUNTS)
def test_what_stays_the_same_counts_as_often_as_it_was_added(steps: list[tuple[int, str]]) -> None:
    counts = RowCounts(torch.zeros(2, len(COUNTS), dtype=torch.long))
    tensors = [torch.tensor([place, 3 * place + 1]) for place in range(3)]
    expected = torch.zeros(2, dtype=torch.long)
    for place, step in steps:
        if step == "add":
            counts.add("computed_positions", tensors[place])
        elif step == "marked":  # of any width, as where the text grows
            counts.add_marked("computed_positions", torch.arange(9) < tensors[place][:, None])
        elif step == "unchanged":
            counts.add_unchanged("computed_positions", tensors[place])
        elif step == "of":
            assert torch.equal(counts.of("computed_positions"), expected)
        else:
            counts.settle()
        if step in ("add", "unchanged", "marked"):
            expected = expected + tensors[place]
    assert [counts.of_row(row)["computed_positions"] for row in range(2)] == expected.tolist()
