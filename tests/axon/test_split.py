"""A network over several devices decodes as it does on one, to the bit, and meets no tensor of another device."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from axon import (
    AxonSettings,
    CheckpointError,
    Confidence,
    Dawn,
    DecodeSettings,
    Klass,
    Wino,
    decode,
    load_model,
)
from axon.models import checkpoint
from axon.models.layer import Rotation
from axon.models.split import away, shares
from tests.axon.fake_devices import KIND, FakeDevices, split
from tests.axon.toy_model import llada_tensors, toy_model, write_checkpoint

PROMPTS = [[1, 2, 3], [4, 5, 6, 7, 8], [9]]
PLACES = [0, 1, 1, 2]  # of four layers
CASES: list[dict[str, Any]] = [
    {"decoder": Confidence(threshold=0.5)},
    {"decoder": Confidence(threshold=0.5), "axon": AxonSettings(gate="always", attention_layers="all")},
    {"decoder": Dawn(), "axon": AxonSettings(gate="coverage_gap", attention_layers="last 2")},
    {"decoder": Klass()},
    {"decoder": Wino(threshold=0.3), "axon": AxonSettings(attention_layers="all")},
    {"decoder": Confidence(threshold=0.5), "cache": "prefix", "axon": AxonSettings(gate="always")},
    {"decoder": Confidence(threshold=0.5), "cache": "dual", "axon": AxonSettings(gate="always")},
    {
        "decoder": Confidence(threshold=0.5),
        "cache": "block",
        "sink_rows": "visible",
        "axon": AxonSettings(gate="always"),
    },
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "places"), [("llada", PLACES), ("dream", [1, 1, 2, 2]), ("sdar", [0, 0, 0, 3])]
)
def test_a_split_network_decodes_as_a_whole_one(family: str, places: list[int]) -> None:
    whole, parts = toy_model(family, layers=4), split(toy_model(family, layers=4), places)
    assert [device.index for device in parts.devices] == sorted({0, *places})
    caches = ("none", "block") if whole.block_causal else ("none", "prefix", "dual")
    for case in [case for case in CASES if case.get("cache", "none") in caches]:
        if case["decoder"].needs_shadow and whole.shifted:
            continue
        settings = DecodeSettings(8, 4, **case)
        with FakeDevices():
            found = decode(parts, PROMPTS, settings)
        assert found == decode(whole, PROMPTS, settings), case


def test_states_that_stay_behind_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the stand-in itself: without one of the moves it must raise."""
    parts = split(toy_model(layers=4), PLACES)
    monkeypatch.setattr(Rotation, "to", lambda self, device: self)
    with FakeDevices(), pytest.raises(AssertionError, match="of tensors on"):
        decode(parts, PROMPTS, DecodeSettings(8, 4, decoder=Confidence()))


@given(st.integers(0, 9999), st.lists(st.integers(1, 999), min_size=1, max_size=40), st.integers(1, 8))
def test_no_device_has_more_than_its_share_and_a_layer(outside: int, layers: list[int], count: int) -> None:
    numbers = shares(outside, layers, count)
    assert len(numbers) == len(layers) and all(0 <= number < count for number in numbers)
    assert all(before <= after for before, after in pairwise(numbers))
    loads = [sum(size for size, at in zip(layers, numbers, strict=True) if at == n) for n in range(count)]
    loads[0] += outside
    fair = (outside + sum(layers)) / count
    assert loads[0] <= max(outside, fair + max(layers) / 2)
    assert all(load <= fair + max(layers) for load in loads[1:])


def test_weights_are_loaded_where_their_layers_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On "meta", to which weights can be sent here: with it the layers of the second half are elsewhere."""
    folder = write_checkpoint(tmp_path, llada_tensors())
    devices = [torch.device("cpu"), torch.device("meta")]
    monkeypatch.setattr(checkpoint, "_devices", lambda name, gpus: devices[:gpus])
    network = load_model(folder, gpus=2).network
    found = {name: tensor.device.type for name, tensor in network.state_dict().items()}
    sent = away({name: tensor.shape for name, tensor in network.state_dict().items()}, devices)
    assert {name for name, kind in found.items() if kind == "meta"} == set(sent)
    assert {name.split(".")[2] for name in sent} == {"1"} and len(sent) == 9
    assert {tensor.device.type for tensor in network.buffers()} == {"cpu"}


def test_a_gpu_that_is_not_there_is_told_and_a_processor_is_but_one(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, llada_tensors())
    with pytest.raises(CheckpointError, match=rf"model.device='{KIND}(:\d)?': cannot be used here"):
        load_model(folder, device=KIND, gpus=2)
    assert load_model(folder, gpus=2).devices == (torch.device("cpu"),)


def test_devices_are_numbered_from_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "_device", torch.device)
    for name, numbers in {"cuda:2": (2, 3), "cuda": (0, 1)}.items():
        assert checkpoint._devices(name, 2) == [torch.device(f"cuda:{number}") for number in numbers]
    assert checkpoint._devices("cuda:2", 1) == [torch.device("cuda:2")]


@pytest.mark.parametrize("gpus", [0, -1, True, "2", 1.5])
def test_no_network_lies_on_another_number_of_gpus_than_a_whole_one(gpus: Any, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, llada_tensors())
    with pytest.raises(ValueError, match=f"^gpus={gpus!r}: must be a whole number, 1 or more;"):
        load_model(folder, gpus=gpus)
