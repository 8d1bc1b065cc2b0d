"""The likeliest token and its probability are found in place and in pieces: the numbers are the plain formula's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import axon.beliefs
from axon.beliefs import most_likely


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(1, 9),
    vocabulary=st.integers(2, 300) | st.sampled_from([256, 384, 768]),
    scale=st.sampled_from([0.1, 3.0, 80.0]),
    held=st.integers(1, 900),
    data=st.data(),
)
def test_numbers_are_those_of_the_plain_formula_bit_for_bit(
    dtype: torch.dtype, seed: int, count: int, vocabulary: int, scale: float, held: int, data: Any
) -> None:
    """Ties too, which go to the first; the logits are left as they were."""
    mask = data.draw(st.integers(0, vocabulary - 1))
    logits = torch.randn((2, count, vocabulary), generator=torch.Generator().manual_seed(seed)) * scale
    logits = logits.round(decimals=1).to(dtype)
    before = logits.clone()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(axon.beliefs, "DOUBLED_ELEMENTS", held)
        token, p_max, partition = most_likely(logits, mask)
    assert torch.equal(logits, before)
    allowed = before.clone()
    allowed[..., mask] = -torch.inf
    best, first = allowed.max(-1)
    plain = before.double().logsumexp(-1)
    assert torch.equal(token, first) and torch.equal(partition, plain)
    assert torch.equal(p_max, (best.double() - plain).exp())
