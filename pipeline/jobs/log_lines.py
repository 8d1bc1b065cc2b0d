"""Where a job writes into a log, a line every few seconds, so that its reader sees that it goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from rich.console import Console

from pipeline.jobs.console import say
from pipeline.jobs.display import PLAIN_SECONDS, clock

SOON = 2.0  # seconds: who waits as long wants to know for how long
T = TypeVar("T")


def told_in_log(items: Iterable[T], total: int, console: Console, what: str = "") -> Iterator[T]:
    """The same items, `total` in all; how many are done, after `what`, and how long the others will take. A terminal,
    which shows that in its own way, has no lines.
    """
    start = monotonic()
    due = min(SOON, PLAIN_SECONDS)
    for done, item in enumerate(items, 1):
        yield item
        taken = monotonic() - start
        if not console.is_terminal and done < total and taken >= due:
            due = taken + PLAIN_SECONDS
            say(console, far(what, done, total, taken))


def far(what: str, done: int, total: int, seconds: float) -> str:
    return f"{what}{done:,}/{total:,} · {clock(seconds * (total - done) / done)} left"
