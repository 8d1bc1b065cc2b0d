"""The stream: a row decodes as by itself, in whatever order and company; what waits enters at once, and no sooner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from axon import DecodeSettings, MaskedDiffusionModel, Trace, decode
from axon.decoding import stream
from axon.laws.rows import decode_rows
from axon.waiting import Prompt, Waiting
from tests.axon.test_laws import COMBINATIONS, MIXED, law, prompts_of
from tests.axon.toy_model import toy_model

PLAIN = COMBINATIONS["confidence, never"]
DRAWN = COMBINATIONS["temperature"]
RISING = sorted(MIXED, key=len)


def waiting(prompts: list[list[int]]) -> list[Prompt]:
    """With the seeds of `decode_rows`."""
    seeds = [sum((place + 1) * token for place, token in enumerate(prompt)) for prompt in prompts]
    return [Prompt(n, prompt, seed) for n, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True))]


def streamed(
    model: MaskedDiffusionModel, prompts: list[list[int]], settings: DecodeSettings, sizes: list[int]
) -> list[Trace]:
    """In the order given; the batch may have as many rows as `sizes` says in turn."""
    turns = iter(sizes * 1000)
    found = dict(stream(model, iter(waiting(prompts)), settings, lambda: next(turns)))
    return [found[n] for n in range(len(prompts))]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for number, name in enumerate(COMBINATIONS) if (number + number // 2) % 2 == 0]
)
def test_longer_rows_may_join_shorter_ones(name: str) -> None:
    """With each decoder by itself or with AXON."""
    model, setting = toy_model(), COMBINATIONS[name]
    alone = [decode_rows(model, [prompt], setting)[0] for prompt in RISING]
    assert streamed(model, RISING, setting, [2]) == alone


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "cache"),
    [
        ("llada", "none"),
        ("dream", "none"),
        ("sdar", "none"),
        ("sdar", "block"),
        ("llada", "prefix"),
        ("dream", "dual"),
    ],
)
def test_order_and_company_change_no_row(family: str, cache: Any) -> None:
    model = toy_model(family)

    @law(8)
    @given(
        prompts=prompts_of,
        sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4),
        name=st.sampled_from(["confidence, coverage_gap", "dawn, never", "temperature", "remasking, never"]),
        alignment=st.sampled_from(["prompt", "absolute"]),
    )
    def check(prompts: list[list[int]], sizes: list[int], name: str, alignment: Any) -> None:
        setting = replace(COMBINATIONS[name], block_alignment=alignment, sink_rows="visible", cache=cache)
        alone = [decode_rows(model, [prompt], setting)[0] for prompt in prompts]
        assert streamed(model, prompts, setting, sizes) == alone

    check()


def test_a_prompt_is_taken_when_it_enters_and_leaves_when_it_is_finished() -> None:
    model, taken, seen = toy_model(), [], []

    def prompts() -> Iterator[Prompt]:
        for prompt in waiting([[1 + n % 7, 2] for n in range(9)]):
            taken.append(prompt.index)
            yield prompt

    finished = 0
    on_batch = lambda rows, columns: seen.append((rows, columns, len(taken)))  # noqa: E731
    for _, trace in stream(model, prompts(), PLAIN, lambda: 3, on_batch=on_batch):
        assert len(taken) - finished <= 3 and trace.nfe > 0
        assert not torch.is_inference_mode_enabled(), "it is the caller's turn"
        finished += 1
    assert finished == 9
    assert all(columns == 10 and (rows == 3 or count == 9) for rows, columns, count in seen), "it stays full"


@pytest.mark.parametrize("none", [0, -1, float("nan")])
def test_no_room_for_any_row_is_an_error_where_a_prompt_waits_and_nothing_is_decoded(none: float) -> None:
    model = toy_model()
    sizes = iter([1, 1, *[none] * 10])
    found = stream(model, iter(waiting(RISING)), PLAIN, lambda: next(sizes))  # type: ignore[arg-type]
    assert next(found)[0] == 0
    with pytest.raises(ValueError, match=r"^batch_size\(\)=\S+: must be 1 or more where no row"):
        list(found)
    assert not list(stream(model, iter(()), PLAIN, lambda: none)), "none waits"  # type: ignore[arg-type, return-value]
    line, count = Waiting([waiting(RISING)]), 0
    for index, _ in stream(model, line, PLAIN, lambda: none if line.taken else 1):  # type: ignore[arg-type, return-value]
        line.finished(index)
        count += 1
    assert count == len(RISING), "a row that is being decoded may be the only one"


def test_a_bad_prompt_and_a_missing_seed_are_said_when_they_are_met() -> None:
    model = toy_model()
    with pytest.raises(ValueError, match=r"prompts\[7\]: is empty"):
        list(stream(model, iter([Prompt(7, [], None)]), PLAIN, lambda: 1))
    with pytest.raises(ValueError, match=r"prompts\[0\]: has no seed"):
        list(stream(model, iter([Prompt(0, [1], None)]), DRAWN, lambda: 1))
    with pytest.raises(ValueError, match="seeds=none: random draws need one for each"):
        decode(model, [[1]], DRAWN)


@law(60)
@given(
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=12), max_size=5),
    st.integers(1, 6),
    st.randoms(),
)
def test_groups_are_read_as_they_are_needed_and_go_up_and_down(
    groups: list[list[int]], batch: int, leaving: Any
) -> None:
    read: list[int] = []

    def given_groups() -> Iterator[list[Prompt]]:
        place = 0
        for number, lengths in enumerate(groups):
            read.append(number)
            yield [Prompt(place + n, [1] * length, None) for n, length in enumerate(lengths)]
            place += len(lengths)

    total, line = sum(map(len, groups)), Waiting(given_groups())
    given_out: list[int] = []
    taken: list[Prompt] = []
    while (prompt := next(line, None)) is not None:
        taken.append(prompt)
        given_out.append(len(prompt.tokens))
        assert len(given_out) > sum(map(len, groups[: read[-1]])), "the group before is used up"
        assert set(line.taken) == {own.index for own in taken} and line.longest >= len(prompt.tokens)
        if leaving.random() < 0.2:
            line.again()
            repeated = [next(line) for _ in taken]
            assert repeated == taken, "first, and in their order"
        while len(taken) >= batch:
            line.finished(taken.pop(leaving.randrange(len(taken))).index)
    assert sorted(given_out) == sorted(length for group in groups for length in group)
    assert len(given_out) == total
    place, falling = 0, True
    for lengths in groups:
        falling = not falling
        assert given_out[place : place + len(lengths)] == sorted(lengths, reverse=falling)
        place += len(lengths)
    assert line.withdrawn() == taken and not line.taken
