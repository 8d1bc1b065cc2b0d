"""Prompts of one setting decoded: what each left behind and what it took, or the error that prevented it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from axon import Trace
from axon.blocks import row_blocks
from axon.faults import context_is_dead
from axon.room import Room
from axon.settings import DecodeSettings
from axon.waiting import Prompt, Waiting
from pipeline.accident import exit_as_error, without_frames
from pipeline.evaluation.stopwatch import RowSeconds, Stopwatch


@dataclass(frozen=True)
class Decoded:
    """One row."""

    trace: Trace
    batch_size: int  # rows that were decoded at once, at most
    seconds: RowSeconds


Outcome = Decoded | Exception


def outcomes(
    model: Any,
    settings: DecodeSettings,
    groups: Iterable[Sequence[Prompt]],
    room: Room,
    timer: Stopwatch,
) -> Iterator[tuple[int, Outcome]]:
    """Decodes the prompts as one stream: (index, outcome) of each, as soon as it is known.

    Where the batch fails, its rows are decoded one by one, and the stream goes on: an example at fault costs no other
    its trace. Raises what is no example's fault: MemoryError where not even one row fits, and CUDA's own errors, after
    which nothing works in this process.
    """
    waiting = Waiting(groups)
    while True:
        fault = yield from _decoded(model, settings, waiting, room, timer)
        if fault is None:
            return
        if not (suspects := waiting.withdrawn()):
            raise fault
        for suspect in suspects:
            alone = Waiting([[suspect]])
            fault = yield from _decoded(model, settings, alone, room, timer)
            if fault is not None:
                with timer.stopped():
                    yield suspect.index, fault


def _decoded(
    model: Any, settings: DecodeSettings, waiting: Waiting, room: Room, timer: Stopwatch
) -> Generator[tuple[int, Outcome], None, Exception | None]:
    """What is decoded until all is or the batch fails; returns why it did."""
    try:
        for index, trace, rows in room.stream(model, waiting, settings, timer, timer.begin, leeway=True):
            seconds = timer.of_row(trace.nfe, steps_to_first_block(trace, settings))
            with timer.stopped():
                yield index, Decoded(trace, rows, seconds)
    except MemoryError:
        raise
    except Exception as error:
        if context_is_dead(error):
            raise
        return without_frames(error)  # they would hold the failed batch
    except SystemExit as leaving:
        if (fault := exit_as_error(leaving)) is None:
            raise
        return without_frames(fault)
    return None


def steps_to_first_block(trace: Trace, settings: DecodeSettings) -> int:
    """Steps until the first block that is generated had ended, or until a text that ended within it was over."""
    blocks = row_blocks(len(trace.prompt), settings.gen_length, settings.block, settings.block_alignment)
    first = blocks.block_length - blocks.given  # the rest of it is the end of the prompt
    return trace.steps_to(first)
