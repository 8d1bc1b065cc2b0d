"""Which of a network's products oneDNN computes, and that nobody can tell by a bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from axon import processor
from axon.models import product
from axon.models.product import TERMS, enough_rows, way
from tests.axon.one_dnn import stand_in

SHAPE = (192, 128)  # outputs, terms
MANY = enough_rows(*SHAPE)


@pytest.fixture(params=[1, 2, 8, 16])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each product of which oneDNN was asked, where it is sooner."""
    return stand_in(monkeypatch, lambda x, weight: len(x))


def drawn(rows: int, shape: tuple[int, int] = SHAPE, bias: bool = False) -> tuple[Tensor, nn.Linear]:
    draw = torch.Generator().manual_seed(1)
    module = nn.Linear(shape[1], shape[0], bias=bias).requires_grad_(False)
    for weight in module.parameters():
        weight.copy_(torch.randn(weight.shape, generator=draw))
    return torch.randn(rows, shape[1], generator=draw), module


def ours(states: Tensor, module: nn.Linear) -> Tensor:
    return way(states)(states, module.weight, module.bias)


@pytest.mark.skipif(
    not (product._HERE and product.sooner()), reason="oneDNN multiplies nothing on this processor"
)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(33, 31), (45, 63), (128, 128), (384, 128), (192, 192)])
def test_a_row_rounds_alike_whoever_computes_it(threads: int, shape: tuple[int, int], bias: bool) -> None:
    many = enough_rows(*shape)
    states, module = drawn(many + 300, shape, bias)
    with torch.inference_mode():
        whole = linear(states, module.weight, module.bias)
        for count in (28, 32, 64, many - 1, many, many + 1, many + 37, many + 300):
            assert torch.equal(ours(states[:count], module), whole[:count]), count


def test_many_rows_of_few_terms_are_for_one_dnn(asked: list[int]) -> None:
    states, module = drawn(MANY)
    with torch.inference_mode():
        ours(states, module)
        ours(states[1:], module)
    assert asked == [MANY]


def test_more_terms_are_not(asked: list[int]) -> None:
    states, module = drawn(MANY, (SHAPE[0], TERMS + 1))
    with torch.inference_mode():
        ours(states, module)
    assert asked == []


@pytest.mark.parametrize("what", ["gradients", "autocast", "float64", "strided states", "strided weight"])
def test_nor_is_what_it_computes_otherwise(what: str, asked: list[int]) -> None:
    states, module = drawn(MANY)
    if what == "float64":
        states, module = states.double(), module.double()
    if what == "strided states":
        states = states.t().contiguous().t()
    if what == "strided weight":
        module.weight = nn.Parameter(module.weight.t().contiguous().t(), requires_grad=False)
    with torch.set_grad_enabled(what == "gradients"), torch.autocast("cpu", enabled=what == "autocast"):
        found = ours(states, module)
        assert torch.equal(found, module(states))
    assert asked == []


def test_gradients_flow() -> None:
    states, module = drawn(MANY)
    module.requires_grad_()
    ours(states, module).sum().backward()
    assert module.weight.grad is not None


def test_weights_that_change_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "sooner", lambda: True)
    states, module = drawn(MANY)
    with torch.inference_mode():
        before = ours(states, module)
        module.weight.data.mul_(2)
        assert torch.equal(ours(states, module), 2 * before)


def test_a_torch_without_it_is_not_asked(asked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "_HERE", False)
    states, module = drawn(MANY)
    with torch.inference_mode():
        ours(states, module)
    assert asked == []


@pytest.mark.parametrize("from_rows", [1, 28, MANY, 2 * MANY])
def test_one_bit_apart_at_some_number_of_rows_is_not_equal(
    from_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_dnn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        found = linear(x, weight, bias)
        if len(x) >= from_rows:
            found[0, 0] = found[0, 0].nextafter(torch.tensor(torch.inf))
        return found

    monkeypatch.setattr(product, "one_dnn", one_dnn)
    assert not product.equal.__wrapped__(SHAPE[:1], SHAPE[1], False, 1)


@pytest.mark.parametrize(
    "fault", [RuntimeError("mkldnn::_linear_pointwise() is missing value"), TypeError("bias")]
)
def test_an_operator_that_takes_other_arguments_is_not_asked_again(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_dnn(*_: Tensor | None) -> Tensor:
        raise fault

    monkeypatch.setattr(product, "one_dnn", one_dnn)
    assert not product.equal.__wrapped__(SHAPE[:1], SHAPE[1], True, 1)


def test_one_that_sums_alike_is_equal_and_draws_none_of_the_users_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(product, "one_dnn", lambda x, weight, bias=None: linear(x, weight, bias))
    before = torch.get_rng_state()
    assert product.equal.__wrapped__(SHAPE[:1], SHAPE[1], True, 1)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("maker", "family", "registers", "sooner"),
    [
        ("AuthenticAMD", 26, "AVX512", True),
        ("AuthenticAMD", 25, "AVX512", False),
        ("AuthenticAMD", 26, "AVX2", False),
        ("GenuineIntel", 26, "AVX512", False),
    ],
)
def test_the_processor_says_which_is_sooner(
    maker: str, family: int, registers: str, sooner: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text(f"processor\t: 0\nvendor_id\t: {maker}\ncpu family\t: {family}\nmodel\t\t: 2\n")
    monkeypatch.setattr(processor, "TOLD", told)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: registers)
    assert product.sooner.__wrapped__() == sooner


def test_a_system_that_does_not_tell_its_processor_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "TOLD", tmp_path / "none")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert not product.sooner.__wrapped__()
