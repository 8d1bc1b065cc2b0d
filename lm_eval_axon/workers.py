"""More processes with the same model, each on GPUs of its own, to which the first one hands shares of its prompts.

lm-eval's own way is one process per GPU, each with a fixed share of every task (`accelerate launch`). It repeats
requests where shares differ in size, which counts an answer twice under majority filters, and waits without end
where there are fewer examples than GPUs. Here lm-eval sees one process, and cache, results and counts are as with one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from queue import Empty, Queue
from threading import Thread

import torch

from axon import CheckpointError, DecodeSettings, MaskedDiffusionModel, Trace
from axon.room import Room
from axon.waiting import Prompt, Waiting
from lm_eval_axon.arguments import LOG

Answer = tuple[int, Trace, int]  # of which prompt, its trace, and how many rows were decoded at once at most
Load = Callable[[str], MaskedDiffusionModel]  # onto a device; it is sent to the other processes
PATIENCE = 5.0  # seconds that a process which has closed its pipe may take to end


def device_of(device: str, worker: int, gpus: int) -> str:
    """Where the model of that worker, counted from 0, begins: each has so many GPUs, from `device` on."""
    kind, _, first = device.partition(":")
    return device if kind == "cpu" or not worker else f"{kind}:{int(first or 0) + worker * gpus}"


@dataclass(frozen=True)
class Ended:
    """A worker's last word on its share: None if all of it is decoded."""

    fault: str | None


class Workers:
    """This process with its model, and others."""

    def __init__(self, load: Load, devices: Sequence[str], batch_size: int | None) -> None:
        """Loads the model on every device, all at the same time. Raises CheckpointError if one can't be."""
        self._room = Room(batch_size, LOG.warning)
        self._others = [_Other(load, device, batch_size) for device in devices[1:]]
        self.model = load(devices[0])
        for other in self._others:
            other.ready()

    def decoded(self, prompts: Sequence[Prompt], settings: DecodeSettings) -> Iterator[Answer]:
        """Every prompt's answer, as they finish. Raises RuntimeError, one line, if another process fails."""
        count = 1 + len(self._others)
        longest_first = sorted(prompts, key=lambda prompt: len(prompt.tokens), reverse=True)
        shares = [longest_first[number::count] for number in range(count)]
        found: Queue[Answer | Ended] = Queue()
        left = 0
        for other, share in zip(self._others, shares[1:], strict=True):
            if (
                share
            ):  # in a thread: a pipe holds little, and who sends must not wait until this process has time
                Thread(target=other.decode, args=(share, settings, found), daemon=True).start()
                left += 1
        for answer in self._room.stream(self.model, Waiting([shares[0]]), settings):
            yield answer
            while (told := _told(found)) is not None:
                if isinstance(told, Ended):
                    left -= 1
                    _check(told)
                else:
                    yield told
        while left:
            told = found.get()
            if isinstance(told, Ended):
                left -= 1
                _check(told)
            else:
                yield told


class _Other:
    def __init__(self, load: Load, device: str, batch_size: int | None) -> None:
        context = get_context("spawn")  # CUDA doesn't survive a fork
        self._pipe, far = context.Pipe()
        threads = torch.get_num_threads()
        self._process = context.Process(
            target=_serve, args=(far, load, device, batch_size, threads), daemon=True
        )
        self._device = device
        self._process.start()
        far.close()

    def ready(self) -> None:
        """Returns when its model is loaded. Raises CheckpointError if that fails."""
        told = self._next()
        if isinstance(told, Ended) and told.fault:
            raise CheckpointError(told.fault)

    def decode(self, share: Sequence[Prompt], settings: DecodeSettings, found: Queue[Answer | Ended]) -> None:
        """Puts the answers to a share, and how it ended, into the queue."""
        with suppress(OSError):  # that it has ended is told next
            self._pipe.send((share, settings))
        while not isinstance(told := self._next(), Ended):
            found.put(told)
        found.put(told if told.fault is None else Ended(f"the worker on {self._device}: {told.fault}"))

    def _next(self) -> Answer | Ended:
        try:
            told: Answer | Ended = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join(PATIENCE)
            return Ended(f"its process has ended with code {self._process.exitcode}")
        return told


def _serve(pipe: Connection, load: Load, device: str, batch_size: int | None, threads: int) -> None:
    """Another process: loads the model, then decodes shares until the first process is gone."""
    torch.set_num_threads(threads)
    try:
        model, room = load(device), Room(batch_size, LOG.warning)
        pipe.send(Ended(None))
        while True:
            share, settings = pipe.recv()
            for answer in room.stream(model, Waiting([share]), settings):
                pipe.send(answer)
            pipe.send(Ended(None))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return
    except Exception as error:
        pipe.send(Ended(str(error) or type(error).__name__))


def _told(found: Queue[Answer | Ended]) -> Answer | Ended | None:
    """What has come meanwhile, one at a time."""
    try:
        return found.get_nowait()
    except Empty:
        return None


def _check(told: Ended) -> None:
    if told.fault:
        raise RuntimeError(f"{told.fault}; lm-eval's --use_cache keeps what was decoded before")
