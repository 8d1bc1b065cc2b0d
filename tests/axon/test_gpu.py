"""Decoding on a GPU, or where there is none on a stand-in for one: nothing of a pass stays on the processor.

    pytest tests/axon/test_gpu.py

On a GPU the tokens must be the processor's in float32: sums are formed in other orders there, which moves a confidence
by some 1e-7 and no token of these networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch

from axon import DecodeSettings, MaskedDiffusionModel, Trace
from axon.laws.rows import check_rows, decode_rows
from tests.axon.fake_devices import FakeDevices, split
from tests.axon.test_laws import COMBINATIONS, MIXED, VARIED
from tests.axon.test_waits import CACHES, in_turn

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
# Every decoder, gate, policy and rule at the end of a text; two families and caches each, in turns.
cases = pytest.mark.parametrize(("number", "name"), list(enumerate(COMBINATIONS)))


def of_case(number: int, name: str, turn: int) -> tuple[MaskedDiffusionModel, DecodeSettings]:
    setting = (COMBINATIONS[name], VARIED[name])[turn]
    family, cache = in_turn(number + turn, setting)
    rows = "visible" if cache == "block" else setting.sink_rows
    return family(), replace(setting, cache=cache, sink_rows=rows)


def sent(
    model: MaskedDiffusionModel, dtype: torch.dtype = torch.float32, device: str = "cuda"
) -> MaskedDiffusionModel:
    """The model there."""
    network: Any = model.network
    ends, length = model.end_token_ids, model.max_length
    network = network.to(device, dtype)
    return MaskedDiffusionModel(
        network, model._family, model.mask_token_id, ends, length, model.block_size
    ).eval()


def check_alike(found: Sequence[Trace], expected: Sequence[Trace]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert replace(one, confidences=()) == replace(other, confidences=())
        assert one.confidences == pytest.approx(other.confidences, abs=1e-4)


@pytest.mark.slow
@cases
def test_no_step_mixes_in_a_tensor_of_the_processor(
    number: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = torch.Generator
    monkeypatch.setattr(torch, "Generator", lambda device=None: plain())
    model, setting = of_case(number, name, number % 2)
    expected = decode_rows(model, MIXED, setting, 3)
    away = split(model, [0] * model.num_layers)
    assert away.device.type != "cpu"
    with FakeDevices():
        assert decode_rows(away, MIXED, setting, 3) == expected


@on_gpu
@cases
def test_a_gpu_decodes_as_the_processor_does(number: int, name: str) -> None:
    for turn in range(2):
        model, setting = of_case(number, name, turn)
        expected = decode_rows(model, MIXED, setting, 3)
        model = sent(model)
        found = decode_rows(model, MIXED, setting, 3)
        if setting.temperature > 0 or setting.decoder.needs_seeds:  # its random numbers are others
            expected = [decode_rows(model, [prompt], setting)[0] for prompt in MIXED]
        check_alike(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=on_gpu)])
@pytest.mark.parametrize(
    ("number", "dtype"), list(product(range(len(CACHES)), [torch.bfloat16, torch.float16])), ids=str
)
def test_rows_obey_the_laws_in_16_bits(number: int, dtype: torch.dtype, device: str) -> None:
    for name in ("confidence, coverage_gap", "dawn, coverage_gap", "wino, coverage_gap"):
        model, setting = of_case(number, name, 0)
        check_rows(sent(model, dtype, device), MIXED, setting, 3)
