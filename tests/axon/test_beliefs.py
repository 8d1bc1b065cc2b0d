"""The likeliest token and its probability are found in place and in pieces: the numbers are the plain formula's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import axon.beliefs
from axon import processor
from axon.beliefs import most_likely


@pytest.fixture(params=[True, False], ids=["by themselves", "as a softmax"])
def exponentials(request: pytest.FixtureRequest) -> Iterator[None]:
    """As on each maker's processors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(axon.beliefs, "_quick", lambda: request.param)
        yield


@pytest.mark.usefixtures("exponentials")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(1, 9),
    vocabulary=st.integers(2, 300) | st.sampled_from([256, 384, 768]),
    scale=st.sampled_from([0.1, 3.0, 20.0, 80.0, 40_000.0]),
    held=st.integers(1, 900),
    data=st.data(),
)
def test_numbers_are_those_of_the_plain_formula(
    dtype: torch.dtype, seed: int, count: int, vocabulary: int, scale: float, held: int, data: Any
) -> None:
    """Ties too, which go to the first; the logits are left as they were."""
    mask = data.draw(st.integers(0, vocabulary - 1))
    logits = torch.randn((2, count, vocabulary), generator=torch.Generator().manual_seed(seed)) * scale
    logits = logits.round(decimals=1).to(dtype)
    before = logits.clone()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(axon.beliefs, "SUMMED_ELEMENTS", held)
        token, p_max, partition = most_likely(logits, mask)
    assert torch.equal(logits, before)
    allowed = before.clone()
    allowed[..., mask] = -torch.inf
    best, first = allowed.max(-1)
    plain = before.double().logsumexp(-1)
    assert torch.equal(token, first)
    torch.testing.assert_close(partition, plain, rtol=0, atol=1e-6)
    torch.testing.assert_close(p_max, (best.double() - plain).exp(), rtol=1e-6, atol=0)


@pytest.mark.usefixtures("exponentials")
@given(seed=st.integers(0, 2**31), gap=st.floats(1.0, 30.0), vocabulary=st.sampled_from([3, 100, 512]))
def test_near_certainty_keeps_its_digits(seed: int, gap: float, vocabulary: int) -> None:
    """Which of two nearly certain positions is the surer is told where float32 would call both 1."""
    logits = torch.randn((1, vocabulary), generator=torch.Generator().manual_seed(seed))
    logits[0, 1] = logits.max() + gap
    _, p_max, _ = most_likely(logits, 0)
    others = logits.double().log_softmax(-1)
    others[0, 1] = -torch.inf
    doubt = others.logsumexp(-1).exp()
    torch.testing.assert_close(1 - p_max, doubt, rtol=3e-6, atol=1e-14)


@pytest.mark.usefixtures("exponentials")
@pytest.mark.parametrize("vocabulary", [100, 4096, 40_000, 40_001, 126_464])
def test_a_row_has_the_same_numbers_alone_and_among_others(vocabulary: int) -> None:
    """Bit for bit, also where a row is long enough for the sum of a single one to be shared among threads."""
    logits = torch.randn((5, vocabulary), generator=torch.Generator().manual_seed(1)) * 3
    together = most_likely(logits, 7)
    for row in range(5):
        for all_rows, alone in zip(together, most_likely(logits[row : row + 1], 7), strict=True):
            assert torch.equal(all_rows[row : row + 1], alone)


def test_an_intel_processor_takes_exponentials_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    for maker, alone in ((processor.INTEL, True), (processor.AMD, False), ("", False)):
        monkeypatch.setattr(axon.beliefs, "maker_and_family", lambda maker=maker: (maker, 6))
        assert axon.beliefs._quick.__wrapped__() == alone
