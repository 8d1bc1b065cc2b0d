"""What is retried after workers were lost, and what is given up: a pure function of the losses and the store.

A worker is lost because of its machine (preempted, out of memory) or because of the slice it was evaluating; nobody
knows which. So that slice comes last in its setting's next attempt, and is given up when workers were lost at it
twice. While several slices are open, the first that is lacking is only suspected: it comes last, and the loss counts
against none. A setting that loses its workers several times in a row with no slice finished in between is given up
entirely; workers that were at it at the same time, and may have died with one machine, count as one.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from pipeline.storage.store import Span

TRIES = 2  # of a slice during which workers are lost
FRUITLESS = 3  # attempts in a row in which a setting finishes no slice


class Losses:
    """Keeps count over a sweep."""

    def __init__(self) -> None:
        self.count = 0  # losses so far
        self.given_up: dict[str, str] = {}  # setting -> what happened, in a line
        self.abandoned: set[str] = set()  # settings of which nothing more is tried
        self._lost: Counter[tuple[str, Span]] = Counter()
        self._fruitless: Counter[str] = Counter()
        self._counted: Counter[str] = Counter()  # by setting: the loss that was counted last

    def finished(self, sid: str) -> None:
        """Something of that setting was evaluated without a loss."""
        self._fruitless[sid] = 0

    def again(
        self,
        sid: str,
        asked: Sequence[Span],
        reason: str,
        stored: Iterable[Span],
        begun: int = sys.maxsize,
        apart: bool = True,
    ) -> list[Span]:
        """The next attempt after a setting has lost a worker: its slices, in the order in which to evaluate them.

        `asked`: the slices of the lost attempt in their order; `reason`: what is known about its end; `stored`: what
        the store has of the setting by now; `begun`: how many losses had been told of when the attempt began; `apart`:
        whether its slices were evaluated one after the other. Where they were not, the first that is lacking is only
        suspected: it comes last, and the loss is not counted against it.
        """
        self.count += 1
        have = set(stored)
        lacking = [span for span in asked if span not in have]
        if not lacking:  # it was lost after its last slice
            return []
        if len(lacking) < len(asked):
            self._fruitless[sid] = 0
        elif begun >= self._counted[sid]:
            self._fruitless[sid] += 1
            self._counted[sid] = self.count
        blamed, *others = lacking
        self._lost[sid, blamed] += apart or len(asked) == 1
        fruitless = self._fruitless[sid] == FRUITLESS
        if fruitless:
            self.abandoned.add(sid)
        if self._lost[sid, blamed] == TRIES:
            start, stop = blamed
            self.given_up[sid] = f"its worker was lost {TRIES} times at examples {start}-{stop - 1}: {reason}"
            return [] if fruitless else others
        if fruitless:
            self.given_up[sid] = f"its worker was lost {FRUITLESS} times with nothing finished: {reason}"
            return []
        return [*others, blamed]
