"""How many rows a device has room for at once: as asked, or as fit; and half of what memory ran out with."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence

import torch

from axon.blocks import row_blocks
from axon.decoding import stream
from axon.faults import out_of_memory
from axon.models.model import MaskedDiffusionModel
from axon.padding import Padding
from axon.row_memory import ON_PROCESSOR, row_bytes
from axon.settings import DecodeSettings
from axon.state import PartTimer
from axon.trace import Trace
from axon.waiting import Waiting

SHARE = 0.8  # of a GPU's free memory is planned with: the rest is for what is not estimated
MOST = 64  # on a GPU: that many blocks keep it busy, and each row is one more that an interruption loses


class Room:
    """For one model on one device. It remembers what did not fit, so that it is not tried again."""

    def __init__(
        self, batch_size: int | None, say: Callable[[str], None] = lambda line: None, sharing: int = 1
    ) -> None:
        """`batch_size` is an upper bound; None: as many rows as the memory that is free has room for.

        `say` gets a line when that number is chosen on a GPU, and when fewer rows are decoded at once as memory ran
        out: at most one for each number of rows. `sharing`: so many processes like this one are on each GPU.
        """
        self._batch_size = batch_size
        self._say = say
        self._sharing = sharing
        self._said: set[tuple[str, int]] = set()
        self._free: int | None = None  # bytes that rows may take, when first asked for
        self._chosen: dict[DecodeSettings, int] = {}  # where no number is given
        self._fits: dict[tuple[str, str], int] = {}  # by decoder and cache: bytes of rows, as estimated

    def rows(self, model: MaskedDiffusionModel, settings: DecodeSettings, longest: int) -> int:
        """How many rows are decoded at once when the longest prompt has so many tokens."""
        settings = settings.for_model(model.block_size)
        most = self._batch_size or self._chosen_for(model, settings, longest)
        fits = self._fits.get(_kind(settings), self._free)
        if fits is None:
            return most
        return max(1, min(most, fits // _bytes(model, settings, longest)))

    def stream(
        self,
        model: MaskedDiffusionModel,
        waiting: Waiting,
        settings: DecodeSettings,
        timer: PartTimer | None = None,
        on_batch: Callable[[int, int], None] = lambda rows, columns: None,
        leeway: bool = False,
    ) -> Iterator[tuple[int, Trace, int]]:
        """As `axon.decoding.stream`, with fewer rows at once if memory runs out: (index, trace, rows at most at once).

        A prompt also waits where it would make too much of what is computed padding, though there were room for it.
        What was finished before is kept; the rows that were in the batch wait again. Any other error leaves them in
        `waiting.taken`. Raises MemoryError, one line, if there is no room for a single row.
        """
        settings = settings.for_model(model.block_size)
        padding = Padding(settings.gen_length)
        most = rows = columns = 0
        failed = False

        def at_most() -> int:
            nonlocal most
            most = self.rows(model, settings, waiting.longest)
            if settings.cache != "none" or (following := waiting.next_length) is None:
                return most
            crowded = padding.too_much([*waiting.lengths.values(), following])
            return len(waiting.taken) if crowded else most

        def begin(now: int, wide: int) -> None:
            nonlocal rows, columns
            rows, columns = now, wide
            padding.begin(waiting.lengths)
            on_batch(now, wide)

        while True:
            try:
                for index, trace in stream(model, waiting, settings, at_most, timer, begin, leeway=leeway):
                    padding.finished(index, trace.nfe)
                    waiting.finished(index)
                    if failed:
                        self._tell(most, columns)
                        failed = False
                    yield index, trace, most
                return
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error) or not waiting.taken:
                    raise
                fault = _line(error)
            # The failed batch is nobody's by now: no traceback holds the frames that it was in.
            give_back()
            longest = max(len(prompt.tokens) for prompt in waiting.taken.values())
            self._halve(model, settings, longest, rows, columns, fault)
            waiting.again()
            padding.failed()
            failed = True

    def _chosen_for(self, model: MaskedDiffusionModel, settings: DecodeSettings, longest: int) -> int:
        """A power of two, so that machines with nearly as much memory choose the same."""
        if settings not in self._chosen:
            if self._free is None:
                self._free = free_memory(model.devices, self._sharing)
            self._chosen[settings] = ON_PROCESSOR
            if self._free is not None:
                fit = min(MOST, self._free // _bytes(model, settings, longest))
                rows = self._chosen[settings] = 1 << max(0, fit.bit_length() - 1)
                columns = _columns(settings, longest)
                self._say_once(
                    "chosen",
                    rows,
                    f"batch_size={rows} chosen: of {columns} tokens a row, into {self._free / 2**30:.1f} GiB of free "
                    f"memory, at most {MOST}; batch_size=N sets another bound",
                )
        return self._chosen[settings]

    def _tell(self, rows: int, columns: int) -> None:
        self._say_once(
            "out of memory",
            rows,
            f"out of memory with more than {rows} rows of {columns} tokens at once: going on with {rows}; "
            f"batch_size={rows} avoids the failed attempts",
        )

    def _say_once(self, what: str, rows: int, line: str) -> None:
        if (what, rows) not in self._said:
            self._said.add((what, rows))
            self._say(line)

    def _halve(
        self,
        model: MaskedDiffusionModel,
        settings: DecodeSettings,
        longest: int,
        rows: int,
        columns: int,
        fault: str,
    ) -> None:
        if rows == 1:
            raise MemoryError(
                f"no memory for a single row of {columns} tokens, gen_length={settings.gen_length} included ({fault}); "
                "give it fewer tokens, a 16-bit dtype, or a GPU with more memory that no other worker shares"
            )
        self._fits[_kind(settings)] = rows // 2 * _bytes(model, settings, longest)


def _kind(settings: DecodeSettings) -> tuple[str, str]:
    """What decides how well the estimate of a row's memory holds."""
    return settings.decoder.name, settings.cache


def _columns(settings: DecodeSettings, longest: int) -> int:
    return row_blocks(longest, settings.gen_length, settings.block, settings.block_alignment).canvas


def _bytes(model: MaskedDiffusionModel, settings: DecodeSettings, longest: int) -> int:
    """Of a row that is padded to the longest prompt."""
    blocks = row_blocks(longest, settings.gen_length, settings.block, settings.block_alignment)
    return row_bytes(model.shape, settings, blocks, str(model.dtype).removeprefix("torch."))


def _line(error: BaseException) -> str:
    """Why memory ran out, in a few words."""
    text = str(error).strip()
    return text.splitlines()[0].split(". ")[0] if text else type(error).__name__


def give_back() -> None:
    """Gives the device what nobody holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def free_memory(devices: Sequence[torch.device], sharing: int = 1) -> int | None:
    """Bytes that rows may take beside the model: of the fullest GPU, what nobody else holds; None for a processor.

    Where others share the GPU, no more than an equal share of it: they may not have loaded their models yet.
    """
    if devices[0].type != "cuda":
        return None
    return int(SHARE * max(0, min(_free_on(device, sharing) for device in devices)))


def _free_on(device: torch.device, sharing: int) -> int:
    free, whole = torch.cuda.mem_get_info(device)
    own = torch.cuda.memory_allocated(device)
    return min(free + torch.cuda.memory_reserved(device) - own, whole // sharing - own)
