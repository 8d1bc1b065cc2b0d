"""Memory that runs out: fewer rows at once, the same traces, nothing held, nothing tried twice, one line said."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

import axon.room
from axon import AxonSettings, Confidence, DecodeSettings, Klass, MaskedDiffusionModel, Trace, decode
from axon.faults import context_is_dead, out_of_memory
from axon.room import STEP, Room
from tests.axon.toy_model import toy_model

ALONE = AxonSettings(gate="never")
SETTINGS = DecodeSettings(gen_length=8, block_length=4, decoder=Confidence(threshold=0.5), axon=ALONE)
PROMPTS = [[1, 2, 3 + n % 5] for n in range(11)]
NO_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has no more."


class Device:
    """Stands in for `axon.decode`: a device with room for so many rows, or so many positions of a row."""

    def __init__(self, fits: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        self.fits, self.error = fits, error
        self.tried: list[int] = []
        self.batches: list[weakref.ref[Tensor]] = []  # of the attempts that failed

    def __call__(
        self, model: Any, prompts: Sequence[Any], settings: Any, seeds: Any, rows: int, *rest: Any
    ) -> list[Trace]:
        assert not any(batch() is not None for batch in self.batches), "a failed batch is still held"
        at_once = min(rows, len(prompts))
        self.tried.append(at_once)
        batch = torch.zeros(at_once)
        if at_once > self.fits:
            self.batches.append(weakref.ref(batch))
            try:
                raise self.error(NO_MEMORY)
            except self.error as error:
                kept = [
                    error
                ]  # a cycle, as torch's own frames make them: the traceback holds this frame, this frame it
                raise kept[0] from None
        return decode(model, prompts, settings, seeds, rows, *rest)


@pytest.fixture
def model() -> MaskedDiffusionModel:
    return toy_model()


def on(device: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(axon.room, "decode", device)
    return device


def test_a_batch_without_room_is_halved_until_it_fits_and_the_traces_are_the_same(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = on(Device(fits=2), monkeypatch)
    said: list[str] = []
    room = Room(8, said.append)
    sizes: dict[int, int] = {}
    traces = room.decode(
        model, PROMPTS, SETTINGS, on_finish=lambda index, trace, rows: sizes.update({index: rows})
    )
    assert traces == decode(model, PROMPTS, SETTINGS)
    assert device.tried == [8, 4, 2]
    assert sizes == dict.fromkeys(range(11), 2)
    assert said == [
        "out of memory with more than 2 rows of 11 tokens at once: going on with 2; "
        "batch_size=2 avoids the failed attempts"
    ]
    assert room.decode(model, PROMPTS, SETTINGS) == traces and device.tried == [8, 4, 2, 2], (
        "it is remembered"
    )
    assert len(said) == 1


def test_nothing_of_a_failed_batch_is_held_while_the_next_is_tried(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, emptied = on(Device(fits=1), monkeypatch), []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(len(device.tried)))
    gc.disable()  # only Room's own collection counts
    try:
        Room(8).decode(model, PROMPTS, SETTINGS)
    finally:
        gc.enable()
    assert len(device.batches) == 3 and not any(batch() is not None for batch in device.batches)
    assert emptied == [1, 2, 3], "before each further attempt"


def test_what_was_finished_before_memory_ran_out_is_not_decoded_again(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []

    def dying(model: Any, prompts: Any, settings: Any, seeds: Any, rows: int, finish: Any, timer: Any) -> Any:
        given.append(len(prompts))

        def then_die(place: int, trace: Trace) -> None:
            finish(place, trace)
            if len(given) == 1 and place == 3:
                raise torch.OutOfMemoryError(NO_MEMORY)

        return decode(model, prompts, settings, seeds, rows, then_die, timer)

    on(dying, monkeypatch)
    finished: list[int] = []
    traces = Room(2).decode(model, PROMPTS, SETTINGS, on_finish=lambda index, *_: finished.append(index))
    assert traces == decode(model, PROMPTS, SETTINGS)
    assert sorted(finished) == list(range(11)) and given[1] < 11


def test_random_draws_are_a_rows_own_however_it_was_retried(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DecodeSettings(gen_length=8, block_length=4, temperature=1.0, axon=ALONE)
    seeds = list(range(11))
    expected = decode(model, PROMPTS, settings, seeds)
    on(Device(fits=3), monkeypatch)
    assert Room(11).decode(model, PROMPTS, settings, seeds) == expected


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError])
def test_a_single_row_without_room_is_an_error_with_a_remedy(
    error: type[Exception], model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = on(Device(fits=0, error=error), monkeypatch)
    with pytest.raises(MemoryError) as caught:
        Room(4).decode(model, PROMPTS, SETTINGS)
    assert device.tried == [4, 2, 1]
    assert str(caught.value) == (
        "no memory for a single row of 11 tokens, gen_length=8 included (CUDA out of memory); give it fewer tokens, a "
        "16-bit dtype, or a GPU with more memory that no other worker shares"
    )


def test_what_did_not_fit_holds_for_its_decoder_and_for_no_shorter_rows(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(Device(fits=4), monkeypatch)
    room, klass = Room(8), DecodeSettings(gen_length=8, block_length=4, decoder=Klass(), axon=ALONE)
    room.decode(model, [[1] * 56] * 8, SETTINGS)
    assert [room.rows(SETTINGS, length) for length in (STEP - 1, STEP, 4 * STEP)] == [8, 4, 4]
    assert room.rows(klass, STEP) == 8


def test_other_errors_are_raised_as_they_are(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = on(Device(fits=0, error=IndexError), monkeypatch)
    with pytest.raises(IndexError):
        Room(4).decode(model, PROMPTS, SETTINGS)
    assert device.tried == [4]


@pytest.mark.parametrize(
    ("error", "memory", "dead"),
    [
        (torch.OutOfMemoryError(NO_MEMORY), True, False),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"), True, False),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True, False),
        (RuntimeError("CUDA error: out of memory"), True, False),
        (MemoryError(), True, False),
        (RuntimeError("CUDA error: device-side assert triggered"), False, True),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), False, True),
        (RuntimeError("shape mismatch"), False, False),
        (ValueError("CUDA error: said by something else"), False, False),
    ],
)  # fmt: skip
def test_errors_are_told_apart(error: Exception, memory: bool, dead: bool) -> None:
    assert (out_of_memory(error), context_is_dead(error)) == (memory, dead)
