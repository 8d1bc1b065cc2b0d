"""What is retried after workers were lost, and what is given up: a pure function of the losses and the store.

A worker is lost because of its machine (preempted, out of memory) or because of the slice it was evaluating; nobody
knows which. So that slice comes last in its setting's next attempt, and is given up when a worker is lost at it
again. A setting that loses its worker several times in a row with no slice finished in between is given up entirely.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from pipeline.store import Span

TRIES = 2  # of a slice during which workers are lost
FRUITLESS = 3  # attempts in a row in which a setting finishes no slice


class Losses:
    """Keeps count over a sweep."""

    def __init__(self) -> None:
        self.given_up: dict[str, str] = {}  # setting -> what happened, in a line
        self._lost: Counter[tuple[str, Span]] = Counter()
        self._fruitless: Counter[str] = Counter()

    def again(
        self, asked: Mapping[str, list[Span]], lost: Mapping[str, str], stored: Mapping[str, Iterable[Span]]
    ) -> dict[str, list[Span]]:
        """The next attempt: for each setting that lost its worker, the slices in the order in which to evaluate them.

        `asked`: the slices of this attempt in their order; `lost`: the settings whose worker was lost, each with what
        is known about it; `stored`: what the store has of those settings by now.
        """
        attempts = {sid: self._rest(sid, asked[sid], reason, stored[sid]) for sid, reason in lost.items()}
        return {sid: slices for sid, slices in attempts.items() if slices}

    def _rest(self, sid: str, asked: list[Span], reason: str, stored: Iterable[Span]) -> list[Span]:
        have = set(stored)
        lacking = [span for span in asked if span not in have]
        if not lacking:  # it was lost after its last slice
            return []
        self._fruitless[sid] = self._fruitless[sid] + 1 if len(lacking) == len(asked) else 0
        blamed, *others = lacking
        self._lost[sid, blamed] += 1
        if self._fruitless[sid] == FRUITLESS:
            self.given_up[sid] = f"its worker was lost {FRUITLESS} times with nothing finished: {reason}"
            return []
        if self._lost[sid, blamed] == TRIES:
            start, stop = blamed
            self.given_up[sid] = f"its worker was lost {TRIES} times at examples {start}-{stop - 1}: {reason}"
            return others
        return [*others, blamed]
