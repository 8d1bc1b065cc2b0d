"""Memory: as many rows as fit, and fewer where it runs out: the same traces, nothing held, nothing tried twice."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import axon.room
from axon import AxonSettings, Confidence, DecodeSettings, Klass, MaskedDiffusionModel, Trace, decode
from axon.blocks import row_blocks
from axon.decoding import stream
from axon.faults import context_is_dead, out_of_memory
from axon.padding import MOST_PADDING, Padding
from axon.room import MOST, ON_PROCESSOR, Room
from axon.row_memory import row_bytes
from axon.waiting import Prompt, Waiting
from tests.axon.test_laws import law
from tests.axon.toy_model import toy_model

ALONE = AxonSettings(gate="never")
SETTINGS = DecodeSettings(gen_length=8, block_length=4, decoder=Confidence(threshold=0.5), axon=ALONE)
KLASS = DecodeSettings(gen_length=8, block_length=4, decoder=Klass(), axon=ALONE)
PROMPTS = [[1, 2, 3 + n % 5] for n in range(11)]
NO_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has no more."


class Device:
    """Stands in for `axon.decoding.stream`: a device with room for so many rows."""

    def __init__(self, fits: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        self.fits, self.error = fits, error
        self.tried: list[int] = []  # the largest batch of each attempt
        self.batches: list[weakref.ref[Tensor]] = []  # of the attempts that failed

    def __call__(
        self,
        model: Any,
        prompts: Any,
        settings: Any,
        rows: Any,
        timer: Any,
        on_batch: Callable[[int, int], None],
        leeway: bool,
    ) -> Iterator[tuple[int, Trace]]:
        assert not any(batch() is not None for batch in self.batches), "a failed batch is still held"
        self.tried.append(0)

        def begin(at_once: int, columns: int) -> None:
            on_batch(at_once, columns)
            self.tried[-1] = max(self.tried[-1], at_once)
            batch = torch.zeros(at_once)
            if at_once > self.fits:
                self.batches.append(weakref.ref(batch))
                try:
                    raise self.error(NO_MEMORY)
                except self.error as error:
                    # A cycle, as torch's own frames make them: the traceback holds this frame, this frame it.
                    kept = [error]
                    raise kept[0] from None

        yield from stream(model, prompts, settings, rows, timer, begin, leeway=leeway)


@pytest.fixture
def model() -> MaskedDiffusionModel:
    return toy_model()


def on(device: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(axon.room, "stream", device)
    return device


def streamed(
    room: Room,
    model: MaskedDiffusionModel,
    prompts: list[list[int]] = PROMPTS,
    settings: DecodeSettings = SETTINGS,
    seeds: list[int] | None = None,
) -> tuple[list[Trace], list[int]]:
    """The traces in order, and the rows at once that each came with."""
    rows = [Prompt(n, tokens, seeds and seeds[n]) for n, tokens in enumerate(prompts)]
    found = {index: (trace, most) for index, trace, most in room.stream(model, Waiting([rows]), settings)}
    assert len(found) == len(prompts)
    return [found[n][0] for n in range(len(prompts))], [found[n][1] for n in range(len(prompts))]


@pytest.mark.slow
def test_a_batch_without_room_is_halved_until_it_fits_and_the_traces_are_the_same(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = on(Device(fits=2), monkeypatch)
    said: list[str] = []
    room = Room(8, said.append)
    traces, sizes = streamed(room, model)
    assert traces == decode(model, PROMPTS, SETTINGS)
    assert device.tried == [8, 4, 2] and sizes == [2] * 11
    assert said == [
        "out of memory with more than 2 rows of 11 tokens at once: going on with 2; "
        "batch_size=2 avoids the failed attempts"
    ]
    assert streamed(room, model)[0] == traces and device.tried == [8, 4, 2, 2], "it is remembered"
    assert len(said) == 1


@pytest.mark.slow
def test_nothing_of_a_failed_batch_is_held_while_the_next_is_tried(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, emptied = on(Device(fits=1), monkeypatch), []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(len(device.tried)))
    gc.disable()  # only Room's own collection counts
    try:
        streamed(Room(8), model)
    finally:
        gc.enable()
    assert len(device.batches) == 3 and not any(batch() is not None for batch in device.batches)
    assert emptied == [1, 2, 3], "before each further attempt"


@pytest.mark.slow
def test_what_was_finished_before_memory_ran_out_is_not_decoded_again(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    entered: list[dict[int, int]] = []  # the passes before each row, for the account of padding

    class Account(Padding):
        def begin(self, lengths: Mapping[int, int]) -> None:
            super().begin(lengths)
            entered.append({row: passes - self._passes for row, passes in self._entered.items()})

    monkeypatch.setattr(axon.room, "Padding", Account)

    def dying(
        model: Any, prompts: Any, settings: Any, rows: Any, timer: Any, on_batch: Any, leeway: bool
    ) -> Any:
        def own() -> Iterator[Prompt]:
            for prompt in prompts:
                taken.append(prompt.index)
                yield prompt

        first = not taken
        for done, row in enumerate(stream(model, own(), settings, rows, timer, on_batch, leeway=leeway)):
            if first and done == 4:
                assert any(entered[-1].values()), "a row was there before the last one finished"
                entered.clear()
                raise torch.OutOfMemoryError(NO_MEMORY)
            yield row

    on(dying, monkeypatch)
    traces, _ = streamed(Room(2), model)
    assert traces == decode(model, PROMPTS, SETTINGS)
    again = [index for index in set(taken) if taken.count(index) == 2]
    assert 0 < len(again) <= 2 and len(taken) == 11 + len(again), "only what was in the batch is taken twice"
    assert not any(entered[0].values()), "what begins anew enters anew"


@pytest.mark.slow
def test_random_draws_are_a_rows_own_however_it_was_retried(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DecodeSettings(gen_length=8, block_length=4, temperature=1.0, axon=ALONE)
    seeds = list(range(11))
    expected = decode(model, PROMPTS, settings, seeds)
    on(Device(fits=3), monkeypatch)
    assert streamed(Room(11), model, settings=settings, seeds=seeds)[0] == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "cache"),
    [("llada", "none"), ("sdar", "none"), ("sdar", "block"), ("llada", "prefix"), ("dream", "dual")],
)
def test_memory_may_run_out_within_any_pass(family: str, cache: Any) -> None:
    """In the network itself, of few rows or of many: each row comes once, as if decoded alone."""
    network = toy_model(family)
    lengths = [3, 9, 1, 4, 4, 12, 2, 7]
    prompts = [[1 + n] * length for n, length in enumerate(lengths)]
    setting = replace(SETTINGS, cache=cache, block_alignment="absolute")
    alone = [decode(network, [prompt], setting)[0] for prompt in prompts]

    @law(5)
    @given(rows=st.integers(2, 8), fits=st.integers(30, 400), gaps=st.lists(st.integers(0, 25), max_size=2))
    def check(rows: int, fits: int, gaps: list[int]) -> None:
        failed, left, said = [0], list(gaps), []

        def runs_out(module: Any, given: Any) -> None:
            at_once = sum(part.rows for part in given[3])
            if at_once == 1:
                return
            if left and not left[-1]:
                left.pop()
            elif given[0].numel() <= fits:
                left[-1:] = [gap - 1 for gap in left[-1:]]
                return
            failed[0] += 1
            raise torch.OutOfMemoryError(NO_MEMORY)

        hook = network.body.register_forward_pre_hook(runs_out)
        try:
            found = streamed(Room(rows, said.append), network, prompts, setting)[0]
        finally:
            hook.remove()
        assert found == alone
        assert not said or failed[0]
        assert all(line.startswith("out of memory with more than ") for line in said)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError])
def test_a_single_row_without_room_is_an_error_with_a_remedy(
    error: type[Exception], model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = on(Device(fits=0, error=error), monkeypatch)
    with pytest.raises(MemoryError) as caught:
        streamed(Room(4), model)
    assert device.tried == [4, 2, 1]
    assert str(caught.value) == (
        "no memory for a single row of 11 tokens, gen_length=8 included (CUDA out of memory); give it fewer tokens, a "
        "16-bit dtype, or a GPU with more memory that no other worker shares"
    )


@pytest.mark.slow
def test_what_did_not_fit_holds_for_its_decoder_and_less_for_shorter_rows(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(Device(fits=4), monkeypatch)
    room = Room(8)
    streamed(room, model, [[1] * 56] * 8)
    assert [room.rows(model, SETTINGS, length) for length in (1, 56, 4 * 56)] == [8, 4, 1]
    assert room.rows(model, KLASS, 56) == room.rows(model, replace(SETTINGS, cache="prefix"), 56) == 8


@pytest.mark.slow
@pytest.mark.parametrize("room", [0.5, 1, 3.9, 5, 40, 1000])
@pytest.mark.parametrize("settings", [SETTINGS, KLASS])
def test_without_a_number_there_are_as_many_rows_as_the_free_memory_has_room_for(
    room: float, settings: DecodeSettings, model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = row_bytes(model.shape, settings, row_blocks(20, 8, 4, "prompt"), "float32")
    monkeypatch.setattr(axon.room, "free_memory", lambda *_: int(room * each))
    device, said = on(Device(fits=10**6), monkeypatch), []
    prompts = [[1] * 20] * 70
    free = Room(None, said.append)
    traces, sizes = streamed(free, model, prompts, settings)
    [rows] = set(sizes)
    assert device.tried == [rows]
    assert rows == {0.5: 1, 1: 1, 3.9: 2, 5: 4, 40: 32, 1000: MOST}[room], "a power of two that fits"
    assert len(said) == 1 and said[0].startswith(f"batch_size={rows} chosen: of 28 tokens a row, into ")
    assert traces == decode(model, prompts, settings)
    assert free.rows(model, settings, 200) <= max(
        1, room * each / row_bytes(model.shape, settings, row_blocks(200, 8, 4, "prompt"), "float32")
    )


@pytest.mark.slow
def test_an_estimate_that_was_too_high_is_halved_as_a_number_is(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(axon.room, "free_memory", lambda *_: 10**12)
    device = on(Device(fits=5), monkeypatch)
    assert streamed(Room(None), model)[0] == decode(model, PROMPTS, SETTINGS)
    assert device.tried == [11, 5]


def test_on_a_processor_there_are_32_rows_and_nothing_is_said(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, said = on(Device(fits=10**6), monkeypatch), []
    assert set(streamed(Room(None, said.append), model, [[1, 2]] * 40)[1]) == {ON_PROCESSOR}
    assert device.tried == [ON_PROCESSOR] and not said


def test_a_row_waits_where_it_would_be_mostly_padding(model: MaskedDiffusionModel) -> None:
    """None is padded where lengths are equal, and the canvas of a long one is not shared by short ones."""
    lengths = [40, 9, 9, 8, 8, 7, 3, 3, 3, 2, 2, 1]
    padded = [0, 0]  # columns of padding, and all that were computed

    def count(module: Any, given: tuple[Tensor, Any]) -> None:
        padded[0] += int((~given[1].real_BW).sum())
        padded[1] += given[1].real_BW.numel()

    model.register_forward_pre_hook(count)
    prompts = [[1] * length for length in lengths]
    expected = decode(model, prompts, SETTINGS, batch_size=6)
    assert padded[0] > MOST_PADDING * padded[1]
    padded[:] = [0, 0]
    assert streamed(Room(6), model, prompts)[0] == expected
    assert 0 < padded[0] <= MOST_PADDING * padded[1]
    padded[:] = [0, 0]
    streamed(Room(6), model, PROMPTS)
    assert padded[0] == 0 < padded[1]


def test_other_errors_are_raised_as_they_are(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = on(Device(fits=0, error=IndexError), monkeypatch)
    with pytest.raises(IndexError):
        streamed(Room(4), model)
    assert device.tried == [4]


@pytest.mark.parametrize(
    ("error", "memory", "dead"),
    [
        (torch.OutOfMemoryError(NO_MEMORY), True, False),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"), True, False),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True, False),
        (RuntimeError("CUDA error: out of memory"), True, False),
        (RuntimeError("CUDA driver error: out of memory"), True, False),
        (RuntimeError("Triton Error [CUDA]: out of memory"), True, False),
        (MemoryError(), True, False),
        (RuntimeError("CUDA error: device-side assert triggered"), False, True),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), False, True),
        (RuntimeError("shape mismatch"), False, False),
        (ValueError("CUDA error: said by something else"), False, False),
    ],
)  # fmt: skip
def test_errors_are_told_apart(error: Exception, memory: bool, dead: bool) -> None:
    assert (out_of_memory(error), context_is_dead(error)) == (memory, dead)
