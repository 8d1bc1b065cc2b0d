"""A piece of work that a second process does while this one goes on: a report computes and draws on two cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing.connection import Connection
from typing import TypeVar

T = TypeVar("T")
ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
THREADED = ("torch", "ray")  # packages whose threads Python does not know of


@contextmanager
def beside(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """What is yielded waits for the work's result, which must be something that can be sent, and returns it.

    The work is begun in a second process, a fork that has whatever this one has. Where it ends without a result, by an
    error or killed for want of memory, and where no fork is to be had, the work is done here when its result is asked
    for: so its errors are raised here, as if there were no second process. It may only compute: what it changes is lost
    with its process.
    """
    found = _begun(work) if _may_fork() else None
    if found is None:
        yield cache(work)
        return
    process, pipe = found
    try:
        yield cache(lambda: _received(pipe, work))
    finally:
        pipe.close()
        process.kill()
        process.join()


def _may_fork() -> bool:
    """A fork copies locks and leaves out the threads that hold them. On macOS even system libraries have such."""
    return (
        sys.platform == "linux"
        and len(os.sched_getaffinity(0)) > 1
        and threading.active_count() == 1
        and not any(package in sys.modules for package in THREADED)
        and not multiprocessing.current_process().daemon  # which may have no process of its own
    )


def _begun(work: Callable[[], T]) -> tuple[multiprocessing.process.BaseProcess, Connection] | None:
    """None where the system has no room for another process."""
    context = multiprocessing.get_context("fork")
    pipe, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(work, theirs), daemon=True)
    # Until it has its own handlers, or Ctrl-C would end it with a traceback.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        process.start()
    except OSError:
        pipe.close()
        return None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    return process, pipe


def _answer(work: Callable[[], T], pipe: Connection) -> None:
    """The second process. Its end tells the first that there is no result."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    with suppress(BaseException):
        pipe.send(work())


def _received(pipe: Connection, work: Callable[[], T]) -> T:
    try:
        found: T = pipe.recv()
        return found
    except (EOFError, OSError):  # it ended before it sent anything, or all of it
        return work()
