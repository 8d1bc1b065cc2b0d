"""Padding: the account is what passes compute, short prompts leave some of it to long ones, equal ones have none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import axon.room
from axon import AxonSettings, DecodeSettings, FixedSteps, MaskedDiffusionModel
from axon.padding import MOST_PADDING, Padding, sorted_padding
from axon.room import Room
from axon.waiting import Prompt, Waiting
from tests.axon.test_laws import COMBINATIONS, law
from tests.axon.toy_model import toy_model

SETTINGS = COMBINATIONS["confidence, never"]
lengths_of = st.lists(st.integers(1, 300), min_size=1, max_size=40)


class Counted:
    """Columns that a model computes, how many of them are padding, and the rows of each pass."""

    def __init__(self, model: MaskedDiffusionModel) -> None:
        self.columns = self.padded = 0
        self.rows: list[int] = []
        model.register_forward_pre_hook(self)

    def __call__(self, module: Any, given: tuple[Tensor, Any]) -> None:
        self.columns += given[1].real_BW.numel()
        self.padded += int((~given[1].real_BW).sum())
        self.rows.append(len(given[0]))


def streamed(model: MaskedDiffusionModel, lengths: list[int], rows: int, settings: DecodeSettings) -> None:
    prompts = [Prompt(place, [1 + place % 7] * length, None) for place, length in enumerate(lengths)]
    assert len(list(Room(rows).stream(model, Waiting([prompts]), settings))) == len(lengths)


@law(15)
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=12), rows=st.integers(1, 5))
def test_the_account_is_what_the_passes_compute(lengths: list[int], rows: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        opened: list[Padding] = []
        patch.setattr(axon.room, "Padding", lambda answer: opened.append(Padding(answer)) or opened[-1])
        counted = Counted(model := toy_model())
        streamed(model, lengths, rows, SETTINGS)
    [padding] = opened
    assert (padding.columns, padding.padded) == (counted.columns, counted.padded)


def test_long_prompts_use_what_short_ones_leave() -> None:
    """All in full batches, though the last one alone is padded by more than the share."""
    lengths = [4] * 28 + [9, 12, 14, 16]
    settings = DecodeSettings(8, 8, decoder=FixedSteps(steps=8), axon=AxonSettings(gate="never"))
    counted = Counted(model := toy_model())
    streamed(model, lengths, 4, settings)
    assert set(counted.rows) == {4}
    assert 1 - (sum(lengths[-4:]) + 32) / 96 > MOST_PADDING > counted.padded / counted.columns > 0
    short = Counted(model := toy_model())
    streamed(model, lengths[-4:], 4, settings)
    assert min(short.rows) < 4 and short.padded <= MOST_PADDING * short.columns, "there is nothing to spare"


@law(200)
@given(lengths_of, st.integers(1, 200), st.integers(0, 5000), st.integers(1, 100))
def test_what_may_enter_keeps_to_the_share(lengths: list[int], answer: int, columns: int, steps: int) -> None:
    fresh = Padding(answer)
    widths = [length + answer for length in lengths]
    share = 1 - sum(widths) / (len(widths) * max(widths))
    assert fresh.too_much(lengths) == (share > MOST_PADDING), "of nothing, nothing can be spared"
    assert not fresh.too_much([lengths[0]] * len(lengths))
    saved = Padding(answer)
    saved.begin({0: columns})
    saved.finished(0, steps)
    whole = steps * (columns + answer + len(widths) * max(widths))
    padded = steps * (len(widths) * max(widths) - sum(widths))
    assert saved.too_much(lengths) == (padded > MOST_PADDING * whole), (
        "were it to last as long as the row before"
    )
    assert not saved.too_much(lengths) or fresh.too_much(lengths)


@law(200)
@given(lengths_of, st.integers(1, 12), st.integers(1, 100))
def test_padding_of_full_batches(lengths: list[int], rows: int, answer: int) -> None:
    ordered = sorted(lengths, reverse=True)
    batches = [ordered[start : start + rows] for start in range(0, len(ordered), rows)]
    wide = [max(batch) + answer for batch in batches for _ in batch]
    share = sorted_padding(lengths, rows, answer)
    assert share == pytest.approx(1 - sum(length + answer for length in lengths) / sum(wide))
    assert sorted_padding(lengths, 1, answer) == 0 == sorted_padding([lengths[0]] * rows, rows, answer)
    assert sorted_padding(lengths * rows, rows, answer) == pytest.approx(0), (
        "of enough, each finds its equals"
    )


def test_rows_that_begin_anew_are_counted_from_there() -> None:
    padding = Padding(4)
    padding.begin({0: 4, 1: 2})
    padding.finished(0, 3)
    padding.begin({1: 2, 2: 4})
    padding.failed()
    padding.begin({1: 2})
    padding.finished(1, 5)
    padding.begin({2: 4})
    padding.finished(2, 1)
    assert (padding.columns, padding.padded) == (3 * 16 + 5 * 6 + 8, 3 * 2)
