"""Products of matrices round their rows one by one: what the narrowed last layer and joint passes rest on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch.nn.functional import linear

from axon.attention import rows_round_alone


@pytest.fixture(params=[1, 2, 8])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("shape", [(32, 64), (128, 384), (384, 128)])
def test_rows_of_such_a_number_round_as_among_more(threads: int, shape: tuple[int, int]) -> None:
    draw = torch.Generator().manual_seed(0)
    weight, states = torch.randn(*shape, generator=draw), torch.randn(64, shape[1], generator=draw)
    whole = linear(states, weight)
    for count in filter(rows_round_alone, range(1, 64)):
        assert torch.equal(linear(states[:count], weight), whole[:count]), count


def test_which_numbers_those_are() -> None:
    assert [count for count in range(40) if not rows_round_alone(count)] == [
        count for count in range(28) if count % 4
    ]
