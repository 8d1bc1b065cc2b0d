"""Products of matrices round their rows one by one: what the narrowed last layer and joint passes rest on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch.nn.functional import linear

from axon.roundings import ALONE, PANEL, alone_from, rows_round_alone


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


def test_whole_panels_and_many_rows_are_those_numbers() -> None:
    assert all(rows_round_alone(count) for count in range(ALONE, 2 * ALONE))
    assert not any(rows_round_alone(count) for count in range(ALONE) if count % PANEL)


def test_the_next_such_number_is_not_far() -> None:
    for count in range(2 * ALONE):
        found = alone_from(count)
        assert rows_round_alone(found)
        assert not any(rows_round_alone(fewer) for fewer in range(count, found))


def test_a_compiler_meets_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    monkeypatch.setattr("axon.roundings._tried", lambda threads: frozenset())
    assert [count for count in range(ALONE) if rows_round_alone(count)] == [*range(0, ALONE, PANEL)]
