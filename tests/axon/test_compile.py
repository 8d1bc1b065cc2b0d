"""torch.compile of the network, where a C++ compiler is at hand."""

from __future__ import annotations

import shutil

import pytest
import torch

from axon import AxonSettings, Confidence, DecoderSettings, DecodeSettings, Wino, decode
from tests.axon.toy_model import toy_model

pytestmark = pytest.mark.slow


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a processor")
def test_a_compiled_network_decodes_the_same_in_float32() -> None:
    """With attention captured from its layers, rows that join, and canvases of several widths."""
    prompts = [[1, 2, 3], [4, 5], [6, 7, 8, 9], [10], [11, 12, 13]]
    axon = AxonSettings(gate="always", attention_layers="all", tau_sink="4x")
    settings = DecodeSettings(gen_length=8, block_length=4, axon=axon)
    compiled = toy_model()
    compiled.compile_network()
    assert decode(compiled, prompts, settings, batch_size=3) == decode(
        toy_model(), prompts, settings, batch_size=3
    )


@pytest.mark.parametrize(
    "decoder", [Confidence(threshold=0.6), Wino(threshold=0.6)], ids=lambda own: own.name
)
def test_passes_of_one_kind_are_compiled_once(decoder: DecoderSettings) -> None:
    """What is kept between them is none of it: the first passes would each be compiled for another state of that."""
    from torch._dynamo.utils import counters  # takes two seconds, of every run of any tests

    torch._dynamo.reset()
    counters.clear()
    settings = DecodeSettings(16, 8, decoder=decoder, axon=AxonSettings(gate="never"))
    model = toy_model()
    model.body.compile(dynamic=True, backend="eager")
    for first in range(1, 4):  # the last one's passes are of more rows than some kernels' least
        prompt = [first, 2, 3] * first**2
        assert decode(model, [prompt], settings) == decode(toy_model(), [prompt], settings)
    assert counters["stats"]["unique_graphs"] == 1
