"""Where blocks lie: `block_alignment`, `block_length: null`, and what `sink_rows` counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import axon.forward
from axon import AxonSettings, Confidence, Dawn, DecodeSettings, MaskedDiffusionModel, decode
from axon.blocks import row_blocks
from axon.settings import BLOCK_LENGTH
from tests.axon.test_laws import BLOCK, COMBINATIONS, GEN, MIXED
from tests.axon.toy_model import MASK, toy_model

PROMPT = replace(COMBINATIONS["dawn, coverage_gap"], block_alignment="prompt")
ABSOLUTE = replace(PROMPT, block_alignment="absolute")


@given(length=st.integers(1, 40), blocks=st.integers(1, 5), size=st.integers(1, 9))
def test_absolute_blocks_lie_at_multiples_of_their_length(length: int, blocks: int, size: int) -> None:
    found = row_blocks(length, blocks * size, size, "absolute")
    assert found.prefix % size == found.area % size == found.canvas % size == 0
    assert found.prefix + found.given == length and 0 <= found.given < size
    assert 0 <= found.canvas - length - blocks * size < size
    plain = row_blocks(length, blocks * size, size, "prompt")
    assert (plain.prefix, plain.given, plain.canvas) == (length, 0, length + blocks * size)


@pytest.mark.parametrize("family", ["llada", "dream", "sdar"])
def test_alignments_agree_where_the_prompt_is_one_whole_block(family: str) -> None:
    model, prompts = toy_model(family), [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert decode(model, prompts, ABSOLUTE) == decode(model, prompts, PROMPT)


def test_of_a_longer_prompt_only_a_block_causal_model_sees_blocks() -> None:
    prompts = [[1, 2, 3, 4, 5, 6, 7, 8], [9, 8, 7, 6, 5, 4, 3, 2]]
    for family, same in (("llada", True), ("dream", True), ("sdar", False)):
        model = toy_model(family)
        assert (decode(model, prompts, ABSOLUTE) == decode(model, prompts, PROMPT)) == same


@pytest.mark.parametrize("family", ["llada", "sdar"])
@pytest.mark.parametrize(
    "name", ["confidence, always", "klass, never", "remasking, never", "editing, coverage_gap"]
)
def test_a_mask_token_in_the_prompts_remainder_stays(name: str, family: str) -> None:
    """Some prompts name the mask token: it is a token of the prompt as any other."""
    setting, seen = replace(COMBINATIONS[name], block_alignment="absolute"), []
    prompts = [[1, 2, MASK], [3, MASK], [4, 5, 6, 7, MASK, MASK]]
    model = toy_model(family)
    together = decode(model, prompts, setting)
    model.register_forward_pre_hook(lambda module, inputs: seen.extend(inputs[0].tolist()))
    for prompt, trace in zip(prompts, together, strict=True):
        seen.clear()
        assert decode(model, [prompt], setting) == [trace]
        assert len(seen) == trace.nfe and all(row[: len(prompt)] == prompt for row in seen)
        assert MASK not in trace.tokens and min(event.position for event in trace.events) == 0
        assert len(prompt) + len(trace.tokens) == row_blocks(len(prompt), GEN, BLOCK, "absolute").canvas


def test_rows_that_are_alike_have_no_padding(model: MaskedDiffusionModel) -> None:
    assert model.layout([5, 6, 7], GEN, BLOCK, "absolute").mask is None
    for lengths in ([4, 5], [3, 5]):  # one block more at the end, and one at the start
        assert model.layout(lengths, GEN, BLOCK, "absolute").mask is not None


def test_a_prompt_must_leave_room_for_whole_blocks(model: MaskedDiffusionModel) -> None:
    settings = DecodeSettings(12, 12, block_alignment="absolute", axon=AxonSettings(gate="never"))
    decode(model, [[1] * 48], settings)
    with pytest.raises(ValueError, match=r"prompts\[0\]: 49 tokens: at most 48 fit before gen_length=12 "):
        decode(model, [[1] * 49], settings)
    decode(model, [[1] * 52], replace(settings, block_alignment="prompt"))


@pytest.mark.parametrize("size", [None, 4, 8])
def test_without_a_block_length_it_is_the_models_own(size: int | None, model: MaskedDiffusionModel) -> None:
    model = toy_model()
    model.block_size = size
    asked = DecodeSettings(gen_length=32, decoder=Confidence(threshold=0.4), axon=AxonSettings(gate="never"))
    [trace] = decode(model, [[1, 2, 3]], asked)
    given_number = replace(asked, block_length=size or BLOCK_LENGTH)
    assert [trace] == decode(model, [[1, 2, 3]], given_number)
    assert asked.for_model(size) == given_number and given_number.for_model(16) == given_number


def test_a_block_size_that_does_not_divide_is_named() -> None:
    with pytest.raises(
        ValueError, match=r"^block_length=null: the model's own block size 6 must divide gen_length=8;"
    ):
        DecodeSettings(gen_length=8).for_model(6)
    with pytest.raises(ValueError, match=r"^block_length=null: .* 32 must divide gen_length=8; .* a number$"):
        DecodeSettings(gen_length=8).for_model(None)


@pytest.mark.parametrize("family", ["llada", "sdar"])
def test_sinks_are_sought_over_the_rows_that_sink_rows_names(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every step the means are those of full maps, over all rows or over those up to the block's end."""
    model, checked = toy_model(family), []

    class Checked(axon.forward.BlockAttention):
        def column_means(self) -> torch.Tensor:
            means_BW = super().column_means()
            real_BW, columns_W = self._capture.real_BW, torch.arange(means_BW.shape[1])
            everywhere = columns_W.expand(len(means_BW), -1)
            map_BWW = self._capture.rows(torch.arange(len(means_BW)), everywhere)
            for row, means_W in enumerate(means_BW):
                last = int(self._columns_BK[row, -1]) if rows == "visible" else int(columns_W[-1])
                counted = real_BW[row] & (columns_W <= last)
                torch.testing.assert_close(means_W, map_BWW[row, counted].mean(0))
                seen = counted if family == "sdar" else real_BW[row]
                assert int(self._counted.seen_B[row]) == int(seen.sum())
                checked.append(bool((counted != real_BW[row]).any()))
            return means_BW

    monkeypatch.setattr(axon.forward, "BlockAttention", Checked)
    for rows in ("canvas", "visible"):
        checked.clear()
        setting = replace(
            ABSOLUTE,
            sink_rows=rows,
            decoder=Dawn(tau_low=0.3),
            axon=AxonSettings(gate="never", attention_layers="all"),
        )
        decode(model, MIXED, setting)
        assert checked and any(checked) == (rows == "visible")


@pytest.mark.parametrize("name", ["klass, never", "dawn, coverage_gap"])
def test_a_row_that_outlives_longer_ones_has_no_padding_left(name: str, model: MaskedDiffusionModel) -> None:
    """One at a time, a prompt of whole blocks has a block less than the others of its call, and decodes as alone."""
    setting = replace(COMBINATIONS[name], block_alignment="absolute")
    alone = [decode(model, [prompt], setting)[0] for prompt in MIXED]
    assert len({len(trace.prompt) + len(trace.tokens) for trace in alone}) > 1
    widths: Counter[int] = Counter()
    hook = model.register_forward_pre_hook(lambda module, inputs: widths.update([inputs[0].shape[1]]))
    assert decode(model, MIXED, setting, batch_size=1) == alone
    hook.remove()
    expected: Counter[int] = Counter()
    for trace in alone:
        expected[len(trace.prompt) + len(trace.tokens)] += trace.nfe
    assert widths == expected
