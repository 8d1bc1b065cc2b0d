"""What a command shows while it reads a sweep's settings, which may be hundreds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TypeVar

from rich.console import Console

from pipeline.jobs.log_lines import SOON, far, told_in_log
from pipeline.planning.regions import Walk

WHAT = "reading the sweep: "
T = TypeVar("T")


@contextmanager
def reading(console: Console, what: str) -> Iterator[Walk]:
    """`what` is shown on a terminal, until a walk takes longer than an instant: then how far it is."""
    with console.status(what) as status:

        def walk(items: Sequence[T], /) -> Iterator[T]:
            start = monotonic()
            for done, item in enumerate(told_in_log(items, len(items), console, WHAT), 1):
                yield item
                if (taken := monotonic() - start) >= SOON:
                    status.update(far(WHAT, done, len(items), taken))

        yield walk
