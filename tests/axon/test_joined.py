"""Weights that the same states are multiplied with lie in one memory, and nobody can tell but by the time."""

from __future__ import annotations

import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import linear

from axon import MaskedDiffusionModel, load_model
from axon.attention import Capture
from axon.models import checkpoint, joined, product
from axon.models.joined import Joined
from axon.models.product import ALONE, AT_ONCE, joinable, joint_way, way
from tests.axon import published
from tests.axon.one_dnn import stand_in
from tests.axon.toy_model import VOCAB, toy_model

OUTPUTS, TERMS = (32, 16, 16), 24


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The outputs of each product of oneDNN's, which is there, sooner, and rounds as torch's own."""
    return stand_in(monkeypatch, lambda x, weight: len(weight))


def modules(bias: bool = False) -> list[nn.Linear]:
    torch.manual_seed(0)
    return [nn.Linear(TERMS, outputs, bias=bias).requires_grad_(False) for outputs in OUTPUTS]


def check(maps: Joined, parts: list[nn.Linear], rows: int = ALONE) -> None:
    """In two groups: it gives what the modules do."""
    states = torch.randn(rows, TERMS)
    with torch.inference_mode():
        both, last = maps(states, way(states))
        torch.testing.assert_close(both, torch.cat([part(states) for part in parts[:2]], 1))
        torch.testing.assert_close(last, parts[2](states))


def memory(tensors: Any) -> int:
    """Bytes of all storages that they are in."""
    return sum({one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in tensors}.values())


@pytest.mark.parametrize("bias", [False, True])
def test_they_are_one_product_and_no_weight_is_held_twice(bias: bool, done: list[int]) -> None:
    parts = modules(bias)
    before = [{name: weight.clone() for name, weight in part.state_dict().items()} for part in parts]
    maps = Joined(parts[:2], parts[2:])
    check(maps, parts)
    assert done == [sum(OUTPUTS)]
    for part, own in zip(parts, before, strict=True):
        assert all(torch.equal(weight, own[name]) for name, weight in part.state_dict().items())
    assert memory(weight for part in parts for weight in part.parameters()) == sum(
        weight.nbytes for part in parts for weight in part.parameters()
    )


def test_who_joins_them_again_copies_nothing(done: list[int]) -> None:
    parts = modules()
    first = Joined(parts[:2], parts[2:])
    places = [part.weight.data_ptr() for part in parts]
    check(Joined(parts[:2], parts[2:]), parts)
    assert [part.weight.data_ptr() for part in parts] == places
    check(first, parts)
    assert done == [sum(OUTPUTS)] * 2


def test_a_weight_that_changes_in_place_is_seen(done: list[int]) -> None:
    parts = modules()
    maps = Joined(parts[:2], parts[2:])
    parts[1].load_state_dict({"weight": torch.randn(OUTPUTS[1], TERMS)})
    parts[2].weight.data.mul_(3)
    check(maps, parts)
    assert done == [sum(OUTPUTS)]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_weight_that_is_put_elsewhere_parts_them(number: int, done: list[int]) -> None:
    parts = modules()
    maps = Joined(parts[:2], parts[2:])
    parts[number].weight.data = torch.randn(OUTPUTS[number], TERMS)
    check(maps, parts)
    assert done == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_what_they_were_joined_in_is_let_go_with_the_next_pass(dtype: torch.dtype, done: list[int]) -> None:
    """Else a network that is moved would be held twice."""
    model = toy_model()
    layer = model.body._layers[0]
    whole = layer._query_key_value._whole
    assert whole is not None
    kept = weakref.ref(whole[0])
    del whole
    model = model.to(dtype)
    tokens_BW = torch.zeros((1, ALONE), dtype=torch.long)
    with torch.inference_mode():
        model(tokens_BW, model.layout([ALONE - 8], 8, 8))
    assert kept() is None and done == []
    held = memory(model.network.parameters())
    assert held == sum(weight.nbytes for weight in model.network.parameters())


@pytest.mark.parametrize("why", ["few rows", "many rows", "strided", "gradients", "autocast"])
def test_they_are_apart_where_one_product_might_tell(why: str, done: list[int]) -> None:
    parts = modules()
    maps = Joined(parts[:2], parts[2:])
    rows = {"few rows": ALONE - 1, "many rows": AT_ONCE // sum(OUTPUTS) + 1}.get(why, ALONE)
    states = torch.randn(TERMS, rows).t()
    states = states if why == "strided" else states.contiguous()
    with torch.set_grad_enabled(why == "gradients"), torch.autocast("cpu", enabled=why == "autocast"):
        maps(states, way(states))
    assert sum(OUTPUTS) not in done


def test_they_are_apart_where_the_trial_finds_a_bit(done: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(product, "equal", lambda *given: bool(asked.append(given)))
    parts = modules(bias=True)
    check(Joined(parts[:2], parts[2:]), parts)
    assert done == [] and asked == [(OUTPUTS, TERMS, True, torch.get_num_threads())]


def test_maps_of_which_one_has_no_bias_or_other_memory_stay_apart(done: list[int]) -> None:
    parts = modules(bias=True)
    parts[1].bias = None
    check(Joined(parts[:2], parts[2:]), parts)
    parts = modules()
    parts[0].weight.data = parts[0].weight.t().contiguous().t()
    check(Joined(parts[:2], parts[2:]), parts)
    assert done == []


@pytest.mark.parametrize("kind", ["llada_8b", "dream_7b", "sdar_8b"])
def test_a_checkpoint_s_are_joined_as_they_are_read(
    kind: str, tmp_path: Path, done: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when all are: a GPU's memory would be full of holes."""
    loaded: list[Any] = []

    def model(network: Any, *given: Any, **named: Any) -> MaskedDiffusionModel:
        layer = network.model.layers[1]
        for group in (("self_attn", "qkv"), ("mlp", ("gate", "up"))):
            weights = [layer.get_submodule(f"{group[0]}.{part}_proj").weight for part in group[1]]
            ends = [weight.data_ptr() + weight.nbytes for weight in weights]
            loaded.append(ends[:-1] == [weight.data_ptr() for weight in weights[1:]])
        return MaskedDiffusionModel(network, *given, **named)

    monkeypatch.setattr(checkpoint, "MaskedDiffusionModel", model)
    folder = published.write_published(tmp_path / kind, kind)
    network = load_model(folder).network
    assert loaded == [True, True]
    layers = network.model.layers.parameters()
    assert memory(layers) == sum(weight.nbytes for weight in network.model.layers.parameters())


@pytest.mark.parametrize("family", ["llada", "dream", "sdar"])
def test_states_are_the_same_and_a_capture_keeps_no_values(family: str, done: list[int]) -> None:
    model = toy_model(family)
    layout = model.layout([ALONE - 8] * 2, 8, 8)
    tokens_BW = torch.randint(0, VOCAB, layout.real_BW.shape)
    capture = Capture((0, 1), layout.real_BW)
    with torch.inference_mode():
        found = model(tokens_BW, layout, capture)
        assert done and len(done) % 2 == 0
        done.clear()
        for layer in model.body._layers:
            layer._query_key_value._whole = layer._mlp._gate_up._whole = None
        torch.testing.assert_close(model(tokens_BW, layout), found)
        assert not done
    for query, key, _ in capture._kept:
        whole = memory([query, key])
        assert whole == query.nbytes + key.nbytes


def seen(dtype: torch.dtype, device: str = "cuda") -> Any:
    """A weight, or states, as a GPU has them."""
    return SimpleNamespace(
        dtype=dtype,
        device=device,
        shape=(64, 4096),
        is_cuda=device == "cuda",
        is_cpu=device == "cpu",
        is_contiguous=lambda: True,
    )


def test_on_a_gpu_they_are_one_product_in_half_precision_alone() -> None:
    """In float32 cuBLAS may round one product other than two, and nobody has tried."""
    for dtype, expected in ((torch.bfloat16, True), (torch.float16, True), (torch.float32, False)):
        assert joinable([seen(dtype)] * 3) is expected
    assert not joinable([seen(torch.bfloat16), seen(torch.float16)])
    assert not joinable([seen(torch.bfloat16, "cpu")] * 2)
    with torch.inference_mode():
        assert joint_way(seen(torch.bfloat16), linear, OUTPUTS, False) is linear
    assert joint_way(seen(torch.bfloat16), linear, OUTPUTS, False) is None  # with gradients
    assert joined.TOGETHER[0] == ("q_proj", "k_proj", "v_proj")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("bias", [False, True])
def test_a_gpu_multiplies_them_at_once(bias: bool) -> None:
    parts = [part.to("cuda", torch.bfloat16) for part in modules(bias)]
    maps = Joined(parts[:2], parts[2:])
    states = torch.randn(50, TERMS, device="cuda", dtype=torch.bfloat16)
    with torch.inference_mode():
        both, last = maps(states, way(states))
        assert not both.is_contiguous()
        torch.testing.assert_close(both, torch.cat([part(states) for part in parts[:2]], 1))
        torch.testing.assert_close(last, parts[2](states))
