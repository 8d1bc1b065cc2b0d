"""Capture: which layers, which rows, never a changed logit, never a look that nobody asked for."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import axon.attention
from axon import AxonSettings, Confidence, Dawn, DecodeSettings, MaskedDiffusionModel, decode
from axon.attention import BYTES, Capture
from axon.chunks import MEMORY_SHARE, chunk_elements
from axon.columns import Counted
from axon.layers import resolve_layers
from benchmarks.counted import Launches, on_card
from benchmarks.shapes import LLADA_8B, random_model
from tests.axon.toy_model import MASK, toy_model


@pytest.mark.parametrize(
    ("spec", "layers"),
    [
        ("all", tuple(range(8))),
        ("first 2", (0, 1)),
        ("middle 2", (3, 4)),
        ("middle 3", (2, 3, 4)),  # no three lie in the centre of eight: the lower ones
        ("last 4", (4, 5, 6, 7)),
        ("3,5,7", (3, 5, 7)),
        ("4-6", (4, 5, 6)),
        ("7", (7,)),
    ],
)
def test_layer_choices(spec: str, layers: tuple[int, ...]) -> None:
    assert resolve_layers(spec, 8) == layers


@pytest.mark.parametrize("spec", ["last 9", "first 0", "3,8", "6-9", "5-4", "few", "", "-1"])
def test_impossible_layer_choices_are_refused(spec: str) -> None:
    with pytest.raises(ValueError, match=r"^axon\.attention_layers="):
        resolve_layers(spec, 8)


@pytest.mark.parametrize("family", ["llada", "dream", "sdar"])
def test_capture_changes_no_logit_and_padding_is_never_seen(family: str) -> None:
    model = toy_model(family)
    layout = model.layout([5, 2], 6, 3)
    tokens = torch.full((2, 11), MASK)
    tokens[0, :5] = torch.arange(5)
    tokens[1, 3:5] = torch.arange(2)
    capture = Capture((0, 1), layout.real_BW)
    hidden = model(tokens, layout, capture)
    assert torch.equal(hidden, model(tokens, layout))

    other = tokens.clone()
    other[1, :3] = 7
    assert torch.equal(model(other, layout)[1, 3:], hidden[1, 3:])
    alone = model(tokens[1:, 3:], model.layout([2], 6, 3))
    torch.testing.assert_close(alone[0], hidden[1, 3:])

    rows, columns = torch.tensor([1]), torch.arange(3, 11)[None]
    attention = capture.rows(rows, columns)[0]
    torch.testing.assert_close(attention.sum(1), torch.ones(8))
    assert attention[:, :3].max() == 0
    torch.testing.assert_close(capture.column_means(rows)[0], attention.mean(0))
    if family == "sdar":
        assert attention[0, 5 - 3 + 3 :].max() == 0  # the prompt sees itself alone
        assert attention[2, 8:].max() == 0 < attention[5, 8:].max()  # the first block not the second


def _captured(family: str, prompt_lengths: list[int]) -> Capture:
    """Of two layers, on a canvas of eight generated positions in blocks of four."""
    model = toy_model(family)
    layout = model.layout(prompt_lengths, 8, 4)
    capture = Capture((0, 1), layout.real_BW)
    tokens = torch.randint(0, 20, layout.real_BW.shape, generator=torch.Generator().manual_seed(1))
    model(tokens, layout, capture)
    return capture


@pytest.mark.parametrize("family", ["llada", "dream", "sdar"])
@pytest.mark.parametrize("room", [1, 50, 200, 10**6])
@pytest.mark.parametrize("lengths", [[5, 5, 5], [5, 2, 3]])
def test_column_means_are_means_of_the_rows_of_attention_however_few_are_held_at_once(
    family: str, room: int, lengths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(axon.attention, "CACHED_ELEMENTS", room)
    monkeypatch.setattr(axon.attention, "ROW_ELEMENTS", room)
    capture = _captured(family, lengths)
    rows, width = torch.tensor([2, 0]), capture.real_BW.shape[1]
    attention = capture.rows(rows, torch.arange(width).expand(2, -1))
    real = capture.real_BW[rows]
    for every, marks in ((True, real), (False, real & (torch.arange(width) % 3 > 0))):
        marked, counted = marks.float(), None if every else Counted(marks, marks.sum(1))
        means = (attention * marked[..., None]).sum(1) / marked.sum(1, keepdim=True)
        torch.testing.assert_close(capture.column_means(rows, counted), means, rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", ["llada", "dream", "sdar"])
@pytest.mark.parametrize("room", [50, 600, 10**6])
def test_a_rows_column_means_are_the_same_numbers_in_every_batch(
    family: str, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(axon.attention, "CACHED_ELEMENTS", room)
    monkeypatch.setattr(axon.attention, "ROW_ELEMENTS", room)
    capture = _captured(family, [5, 2, 3, 5])
    together = capture.column_means(torch.arange(4))
    for row in range(4):
        assert torch.equal(capture.column_means(torch.tensor([row]))[0], together[row])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("batch", "padded", "key_heads"),
    [
        (batch, padded, (32, 8)[(row + padded) % 2])
        for row, batch in enumerate((1, 8, 32, 64))
        for padded in (False, True)
    ],
)
def test_column_means_on_a_gpu_are_at_most_a_twentieth_of_a_pass_of_llada_8b(
    batch: int, padded: bool, key_heads: int
) -> None:
    """By kernels launched and by multiply-adds, on tensors without data. Any two of the parameters meet."""
    model = random_model(LLADA_8B | {"n_kv_heads": key_heads}, "meta")
    layout = model.layout([244 - row % 2 * padded for row in range(batch)], 256, 32)
    capture = Capture((28, 29, 30, 31), layout.real_BW)
    tokens = torch.zeros(layout.real_BW.shape, dtype=torch.long, device="meta")
    with on_card(), torch.no_grad():
        with Launches() as forward, FlopCounterMode(display=False) as forward_flops:
            model(tokens, layout, capture)
        with Launches() as means, FlopCounterMode(display=False) as means_flops:
            capture.column_means(torch.arange(batch, device="meta"))
    assert means.total <= 0.05 * forward.total
    assert 0 < means_flops.get_total_flops() <= 0.05 * forward_flops.get_total_flops()


def test_a_chunk_takes_a_small_share_of_a_gpus_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    card = SimpleNamespace(total_memory=80 * 10**9)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    assert BYTES * chunk_elements(torch.device("cuda"), BYTES, 7) <= card.total_memory / MEMORY_SHARE
    assert chunk_elements(torch.device("cpu"), BYTES, 7) == 7


def test_rows_of_one_length_need_no_mask_however_they_join(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the flash kernel, which takes none, can be used."""
    masks: list[Any] = []
    plain = MaskedDiffusionModel.layout

    def spy(self: Any, *given: Any) -> Any:
        layout = plain(self, *given)
        masks.append(layout.mask)
        return layout

    monkeypatch.setattr(MaskedDiffusionModel, "layout", spy)
    settings = DecodeSettings(gen_length=8, block_length=4, axon=AxonSettings(gate="never"))
    decode(model, [[1 + n, 2, 3] for n in range(6)], settings, batch_size=2)
    assert len(masks) >= 3 and all(mask is None for mask in masks)
    masks.clear()
    decode(model, [[1, 2, 3, 4], [5], [6], [7]], settings, batch_size=2)
    assert masks[0] is not None and masks[-1] is None, "padding goes with the row that needed it"


def _looks(model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> list[str]:
    """The decoder's and AXON's, in order; not what one of them asks another for."""
    calls: list[str] = []
    within: list[str] = []
    for name in ("keep", "rows", "column_means", "means_and_rows"):
        plain = getattr(Capture, name)

        def spy(self: Capture, *args: Any, _plain: Any = plain, _name: str = name) -> Any:
            calls.extend([] if within else [_name])
            within.append(_name)
            found = _plain(self, *args)
            within.pop()
            return found

        monkeypatch.setattr(Capture, name, spy)
    trace = decode(model, [[1, 2, 3]], DecodeSettings(gen_length=8, block_length=4, **settings))[0]
    monkeypatch.undo()
    calls.append(f"{trace.gate_checks} checks, {len(trace.axon_steps)} fired, {trace.nfe} steps")
    return calls


def test_nobody_looks_at_attention_in_vain(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Confidence(threshold=1.0)  # one token a step, eight steps
    assert _looks(model, monkeypatch, decoder=slow, axon=AxonSettings(gate="never")) == [
        "0 checks, 0 fired, 8 steps"
    ]
    # `always` spends its budget in the first step of a block: one look each, none in the other six steps.
    one = AxonSettings(gate="always", attention_layers="last 1")
    looks = _looks(model, monkeypatch, decoder=slow, axon=one)
    assert looks == ["keep", "means_and_rows"] * 2 + ["2 checks, 2 fired, 8 steps"]
    # DAWN looks in every step, and AXON uses what DAWN has seen.
    dawn = Dawn(tau_low=1.0, tau_induce=1.0)
    calls = _looks(model, monkeypatch, decoder=dawn, axon=one)
    steps = int(calls[-1].split()[-2])
    assert calls[:-1] == ["keep", "means_and_rows"] * steps


@pytest.mark.parametrize("seed", range(24))
def test_maps_of_the_means_hold_the_rows(seed: int) -> None:
    """Whether layers or rows of the batch are taken together, and rows from the maps of the means, changes no bit."""
    random = torch.Generator().manual_seed(seed)
    width, count, groups, shared = (
        (16, 32, 48, 64)[
            seed % 4
        ],  # at others oneMKL rounds a vector's product by where the matrix lies in memory
        (1, 3)[seed % 2],
        (1, 2, 4)[seed % 3],
        (2, 1)[seed % 2],
    )
    dtype = (torch.float32, torch.bfloat16)[seed // 3 % 2]
    mask = None
    if seed % 3:
        hidden = torch.rand((count, 1, (1, width)[seed // 2 % 2], width), generator=random) < 0.2
        mask = torch.zeros(hidden.shape, dtype=dtype).masked_fill(hidden, torch.finfo(dtype).min)
    real_BW = torch.ones((count, width), dtype=torch.bool)
    layers = []
    for _ in range(3):
        query = torch.randn((count, width, groups * shared, 16), generator=random).to(dtype).transpose(1, 2)
        key = torch.randn((count, width, groups, 16), generator=random).to(dtype).transpose(1, 2)
        layers.append((query, key))

    def again() -> Capture:
        capture = Capture((0, 1, 2), real_BW)
        for query, key in layers:
            capture.keep(query, key, mask, 0.3)
        return capture

    capture = again()
    columns_BK = torch.arange((8, 5)[seed // 2 % 2], 13).expand(count, -1)
    means_BW, rows_BKW = capture.means_and_rows(None, None, columns_BK)
    assert torch.equal(means_BW, capture.column_means(None))
    assert torch.equal(rows_BKW, capture.rows(None, columns_BK))
    some_R = torch.tensor([count - 1])
    some = capture.means_and_rows(some_R, None, columns_BK[some_R])
    assert torch.equal(some[0], means_BW[some_R]) and torch.equal(some[1], rows_BKW[some_R])
    of_a_row = groups * shared * width * width
    for room in (of_a_row * count, of_a_row):  # one layer at a time, of all rows or one
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("axon.attention.CACHED_ELEMENTS", room)
            apart = again().means_and_rows(None, None, columns_BK)
        assert torch.equal(apart[0], means_BW) and torch.equal(apart[1], rows_BKW)
    with pytest.MonkeyPatch.context() as patch:  # a part of a row's positions at a time
        patch.setattr("axon.attention.ROW_ELEMENTS", groups * shared * width * 5)
        apart = again().means_and_rows(None, None, columns_BK)
    torch.testing.assert_close(apart[0], means_BW)
    assert torch.equal(apart[1], rows_BKW)


@pytest.mark.parametrize(("shared", "size"), [(1, 64), (4, 128)])
def test_products_too_large_for_float16_are_attention_all_the_same(shared: int, size: int) -> None:
    """A kernel adds them up in float32, so that the logits would show nothing; a gate would find no gap in a NaN."""
    width, place = 16, 3
    capture = Capture((0,), torch.ones((2, width), dtype=torch.bool))
    query, key = (torch.full((2, heads, width, size), 60.0) for heads in (2 * shared, 2))
    key[:, :, place] = 63.0  # what everybody attends to
    assert (query[0, 0] @ key[0, 0].mT).min() > torch.finfo(torch.float16).max
    capture.keep(query.half(), key.half(), None, size**-0.5)
    columns_BK = torch.arange(width).expand(2, -1)
    expected = torch.zeros((2, width, width)).index_fill(2, torch.tensor(place), 1.0)
    means_BW, rows_BKW = capture.means_and_rows(None, None, columns_BK)
    assert torch.equal(rows_BKW, expected) and torch.equal(capture.rows(None, columns_BK), expected)
    assert torch.equal(means_BW, expected[:, 0])


@pytest.mark.parametrize("size", [16, 48, 128])
def test_in_float16_no_attention_is_another_for_it(size: int) -> None:
    """A power of two: bit for bit the products that are then scaled, where none of them overflows."""
    random = torch.Generator().manual_seed(size)
    query, key = (torch.randn((1, 2, 32, size), generator=random).half() for _ in range(2))
    capture = Capture((0,), torch.ones((1, 32), dtype=torch.bool))
    capture.keep(query, key, None, size**-0.5)
    plain = torch.softmax((query @ key.mT).mul_(size**-0.5), -1, dtype=torch.float32).mean(1)
    assert torch.equal(capture.rows(None, torch.arange(32)[None]), plain)


@pytest.mark.parametrize(
    ("length", "width"), [(4, 9), (5, 9), (5, 12)]
)  # rows out of the maps of all positions, and computed by themselves
def test_the_layers_of_all_rows_are_put_together_once(
    length: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[int] = []

    def counted(of_layers: Sequence[Tensor], rows_R: Tensor | None) -> Tensor:
        put.append(len(of_layers))
        return together(of_layers, rows_R)

    together = axon.attention._stack
    monkeypatch.setattr(axon.attention, "_stack", counted)
    real_BW = torch.ones((1, width), dtype=torch.bool)
    capture = Capture((0, 1, 2), real_BW)
    for _ in range(3):
        capture.keep(*torch.randn(2, 1, 2, width, 8), None, 0.3)
    capture.means_and_rows(None, None, torch.arange(length)[None])
    assert put == [3, 3]  # queries, keys
