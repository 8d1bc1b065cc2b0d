"""The last layer computes the block alone where nobody reads more, and no rounding tells."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from axon import AxonSettings, Confidence, Dawn, DecodeSettings, Klass, MaskedDiffusionModel, decode
from axon.attention import Capture
from axon.decoders import Decoder
from axon.models import body
from axon.roundings import rows_round_alone
from tests.axon.toy_model import VOCAB, toy_model

FAMILIES = ["llada", "dream", "sdar"]


@pytest.fixture(scope="module", params=FAMILIES)
def network(request: pytest.FixtureRequest) -> MaskedDiffusionModel:
    return toy_model(request.param)


@pytest.mark.parametrize("block", [2, 3, 4, 6, 8])
@pytest.mark.parametrize("lengths", [[7], [5, 5, 5], [9, 4, 1, 6]])
@pytest.mark.parametrize("captured", [(), (1,)])
def test_states_of_the_block_are_those_of_a_whole_pass(
    network: MaskedDiffusionModel, block: int, lengths: list[int], captured: tuple[int, ...]
) -> None:
    layout = network.layout(lengths, 24, block)
    tokens_BW = torch.randint(0, VOCAB, layout.real_BW.shape, generator=torch.Generator().manual_seed(block))
    rows_B1 = torch.arange(len(lengths))[:, None]
    whole_BWD = network(tokens_BW, layout)
    for number in range(24 // block):
        columns_BK = (layout.prefix + number * block + torch.arange(block)).expand(len(lengths), -1)
        read_BK = network.read_columns(columns_BK, layout.starts_B[:, None])
        capture = Capture(captured, layout.real_BW) if captured else None
        some_BWD = network(tokens_BW, layout, capture, read_BQ=read_BK)
        assert torch.equal(some_BWD[rows_B1, read_BK], whole_BWD[rows_B1, read_BK])
        if capture is not None:  # means are over all queries
            plain = Capture(captured, layout.real_BW)
            network(tokens_BW, layout, plain)
            assert torch.equal(capture.column_means(None), plain.column_means(None))


@pytest.mark.parametrize("decoder", [Confidence(), Dawn(), Klass()])
@pytest.mark.parametrize("gate", ["never", "always"])
@pytest.mark.parametrize("block", [2, 4])
def test_what_it_computes_is_what_somebody_reads(
    network: MaskedDiffusionModel,
    decoder: Decoder,
    gate: Any,
    block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of the canvas where the decoder reads beyond its block; and where the block has few positions."""
    seen: list[tuple[str, int]] = []
    layer = network.network.get_submodule("model.layers.1")
    names = {
        id(layer.get_submodule(name).weight): name.split(".")[-1]
        for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.o_proj", "mlp.down_proj")
    }
    plain = torch.nn.functional.linear

    def linear(x_ND: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if id(weight) in names:
            seen.append((names[id(weight)], len(x_ND) // 2))  # of each of two rows, which end together
        return plain(x_ND, weight, bias)

    monkeypatch.setattr(body, "way", lambda _: linear)
    axon = AxonSettings(gate=gate, attention_layers="all", max_anchor_steps=100)
    decode(network, [[1, 2, 3]] * 2, DecodeSettings(8, block, decoder=decoder, axon=axon))  # type: ignore[arg-type]
    width, narrow = 3 + 8, block if rows_round_alone(block) and decoder.reads == "block" else 3 + 8
    assert {count for name, count in seen if name == "k_proj"} == {width}
    assert {count for name, count in seen if name in ("o_proj", "down_proj")} == {narrow}
    queries = narrow if gate == "never" else width
    assert {count for name, count in seen if name == "q_proj"} == {queries}


def test_the_rotation_is_computed_once_for_rows_that_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = toy_model(), 0
    rotary: Any = model.network.get_submodule("model.rotary_emb")
    plain = rotary.forward

    def forward(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        return plain(*given, **named)

    monkeypatch.setattr(rotary, "forward", forward)
    axon = AxonSettings(gate="never")
    [trace] = decode(model, [[1, 2, 3]], DecodeSettings(8, 4, decoder=Confidence(threshold=1.0), axon=axon))
    assert trace.nfe > 4 and calls == 1
