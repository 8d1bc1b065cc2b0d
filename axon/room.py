"""How many rows a device has room for at once: what is asked for, and half of what it ran out of memory with."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from functools import partial

import torch

from axon.decoding import decode
from axon.faults import out_of_memory
from axon.models.model import MaskedDiffusionModel
from axon.settings import DecodeSettings
from axon.state import PartTimer
from axon.trace import Trace

STEP = 64  # lengths are told apart by this many positions, so that few of them have to be tried


class Room:
    """For one model on one device. It remembers what did not fit, so that it is not tried again."""

    def __init__(self, batch_size: int, say: Callable[[str], None] = lambda line: None) -> None:
        """`say` gets a line when fewer rows than asked for are decoded at once: at most one for each number of rows."""
        self._batch_size = batch_size
        self._say = say
        self._said: set[int] = set()
        self._fits: dict[tuple[str, int], int] = {}  # by decoder and length: the rows to try

    def rows(self, settings: DecodeSettings, length: int) -> int:
        """How many rows of `length` positions, prompt and generated ones, are decoded at once."""
        place = length // STEP
        # What does not fit at one length does not fit at a greater one.
        known = [
            rows for (name, at), rows in self._fits.items() if name == settings.decoder.name and at <= place
        ]
        return min([self._batch_size, *known])

    def decode(
        self,
        model: MaskedDiffusionModel,
        prompts: Sequence[Sequence[int]],
        settings: DecodeSettings,
        seeds: Sequence[int] | None = None,
        on_finish: Callable[[int, Trace, int], None] | None = None,
        timer: PartTimer | None = None,
    ) -> list[Trace]:
        """As `axon.decode`, with fewer rows at once if memory runs out; what was finished before is kept.

        on_finish(index, trace, rows) also gets how many rows at most are decoded at once at this length.
        Raises MemoryError, one line, if there is no room for a single row.
        """
        traces: dict[int, Trace] = {}

        def attempt(left: Sequence[int], most: int) -> None:
            def finish(place: int, trace: Trace) -> None:
                traces[left[place]] = trace
                if on_finish is not None:
                    on_finish(left[place], trace, most)

            own = seeds and [seeds[index] for index in left]
            decode(model, [prompts[index] for index in left], settings, own, most, finish, timer)

        failed = False
        while left := [index for index in range(len(prompts)) if index not in traces]:
            length = settings.gen_length + max(len(prompts[index]) for index in left)
            most = self.rows(settings, length)
            fault = _fault(partial(attempt, left, most))
            if fault is not None:  # the failed batch is nobody's: no traceback holds the frames it was in
                _free()
                self._halve(settings, length, min(most, len(left)), fault)
                failed = True
            elif failed:
                self._tell(most, length)
        return [traces[index] for index in range(len(prompts))]

    def _tell(self, rows: int, length: int) -> None:
        if rows not in self._said:
            self._said.add(rows)
            self._say(
                f"out of memory with more than {rows} rows of {length} tokens at once: going on with {rows}; "
                f"batch_size={rows} avoids the failed attempts"
            )

    def _halve(self, settings: DecodeSettings, length: int, rows: int, fault: str) -> None:
        if rows == 1:
            raise MemoryError(
                f"no memory for a single row of {length} tokens, gen_length={settings.gen_length} included ({fault}); "
                "give it fewer tokens, a 16-bit dtype, or a GPU with more memory that no other worker shares"
            )
        self._fits[settings.decoder.name, length // STEP] = rows // 2


def _fault(run: Callable[[], object]) -> str | None:
    """Why memory ran out, in a few words; None if it did not. Other errors are raised."""
    try:
        run()
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        text = str(error).strip()
        return text.splitlines()[0].split(". ")[0] if text else type(error).__name__
    return None


def _free() -> None:
    """Gives the device what nobody holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
