"""Prompts of one setting decoded: what each left behind and what it took, or the error that prevented it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from axon import Trace, row_seed
from axon.blocks import row_blocks
from axon.faults import context_is_dead
from axon.room import Room
from axon.settings import DecodeSettings
from pipeline.setting import Setting
from pipeline.stopwatch import Stopwatch


@dataclass(frozen=True)
class Decoded:
    """One row."""

    trace: Trace
    batch_size: int  # rows that were decoded at once, at most
    seconds_in_batch: float
    seconds_to_first_block: float


Outcome = Decoded | Exception


def decode_rows(
    model: Any,
    setting: Setting,
    prompts: Mapping[str, Sequence[int]],
    room: Room,
    timer: Stopwatch,
    on_example: Callable[[], None],
) -> dict[str, Outcome]:
    """Decodes the prompts, by the ids of their examples, together; what is left if that fails, one by one.

    So an example at fault costs no other its trace. Raises what is no example's fault: MemoryError where not even one
    row fits, and CUDA's own errors, after which nothing works in this process.
    """
    found: dict[str, Outcome] = {}

    def attempt(ids: Sequence[str]) -> Exception | None:
        def finish(place: int, trace: Trace, rows: int) -> None:
            seconds = timer.of_row(trace.nfe, steps_to_first_block(trace, setting.decode))
            found[ids[place]] = Decoded(trace, rows, *seconds)
            on_example()

        seeds = [row_seed(setting.seed, name) for name in ids]
        try:
            room.decode(model, [prompts[name] for name in ids], setting.decode, seeds, finish, timer)
        except MemoryError:
            raise
        except Exception as error:
            if context_is_dead(error):
                raise
            return error.with_traceback(None)  # which would hold the failed batch
        return None

    if prompts and attempt(list(prompts)):
        for name in [name for name in prompts if name not in found]:
            if fault := attempt([name]):
                found[name] = fault
    return {name: found[name] for name in prompts}


def steps_to_first_block(trace: Trace, settings: DecodeSettings) -> int:
    """Steps until the first block that is generated was full, or until a text that ended within it was over."""
    blocks = row_blocks(len(trace.prompt), settings.gen_length, settings.block, settings.block_alignment)
    first = blocks.block_length - blocks.given  # the rest of it is the end of the prompt
    return 1 + max(event.step for event in trace.events if event.position < first)
