"""A sweep that waits because none of its workers starts, which Ray does in silence: after a while a line says for what.

Others' work may hold every machine that could begin what waits, while all the rest lack its model. Knows nothing of
Ray.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from time import monotonic

from pipeline.workers.aside import Aside, listed

PATIENCE = 60.0  # seconds: a worker that starts imports torch, from a disk that may be far away
AGAIN = 10.0  # seconds between two looks at the machines


class Stall:
    """`full`: the names of the machines that have room for a worker, all of it taken, but for those of these ids."""

    def __init__(
        self,
        aside: Aside,
        full: Callable[[Collection[str]], Sequence[str]],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._aside, self._full, self._clock = aside, full, clock
        self._due: float | None = None  # when to look at the machines; None while something is evaluated

    def line(self, waits: bool) -> str | None:
        """What the sweep waits for, once it is time to say so. `waits`: whether nothing is evaluated, but begun."""
        now = self._clock()
        if not waits:
            self._due = None
            return None
        if self._due is None:
            self._due = now + PATIENCE
        if now < self._due:
            return None
        self._due = now + AGAIN
        names = self._full(self._aside.machines)
        return _line(names, self._aside.lacks) if names else None


def _line(names: Sequence[str], lacks: str) -> str:
    other = f"give the others what they lack ({lacks})" if lacks else "add a machine"
    return (
        f"no worker has started for {PATIENCE:g} seconds: all room on {listed(names)} is taken, by other Ray jobs or a "
        f"worker that is slow to start (`ray status` there shows it); end what holds it, or {other}: "
        "the sweep goes on by itself"
    )
