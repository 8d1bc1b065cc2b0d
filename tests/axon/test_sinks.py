"""Sink thresholds: a share of attention, or multiples of uniform attention, which mean the same at any length."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from axon import AxonSettings, Dawn
from axon.sinks import multiples, sink_bound


@pytest.mark.parametrize(("text", "number"), [("4x", 4.0), ("0.5x", 0.5), (" 4.0X ", 4.0), (".5 x", 0.5)])
def test_multiples_are_read(text: str, number: float) -> None:
    assert multiples(text) == number


@pytest.mark.parametrize("value", ["x", "4", "-4x", "four x", "4xx", "", "nanx", "1e3x"])
def test_other_text_is_refused_with_the_value_and_the_forms(value: str) -> None:
    for build, key in (
        (lambda: AxonSettings(tau_sink=value), "axon.tau_sink"),
        (lambda: Dawn(tau_sink=value), "decoder.tau_sink"),
    ):
        with pytest.raises(
            ValueError, match=r"write a share of attention such as 0\.01, or multiples"
        ) as error:
            build()
        assert str(error.value).startswith(f"{key}={value!r}: ")


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_shares_lie_between_0_and_1(value: float) -> None:
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        AxonSettings(tau_sink=value)


@given(width=st.integers(2, 400), times=st.floats(0.1, 20), seed=st.integers(0, 99))
def test_multiples_equal_the_share_of_that_width(width: int, times: float, seed: int) -> None:
    means = torch.rand(3, width, generator=torch.Generator().manual_seed(seed))
    relative = means > sink_bound(torch.full((3,), width), f"{times:f}x")
    assert torch.equal(relative, means > torch.tensor(float(f"{times:f}")) / width)


def test_each_row_is_measured_by_its_own_width() -> None:
    means = torch.full((2, 5), 0.05)
    assert (means > sink_bound(torch.tensor([10, 100]), "4x")).any(1).tolist() == [False, True]


@given(width=st.integers(2, 60))
def test_uniform_attention_has_no_sinks_in_multiples_and_only_sinks_below_its_share(width: int) -> None:
    means, widths = torch.full((1, width), 1 / width), torch.tensor([width])
    assert not (means > sink_bound(widths, "4x")).any()
    assert (means > sink_bound(widths, 0.01)).all() == (1 / width > 0.01)
