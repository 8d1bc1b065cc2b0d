"""What is tried again after workers were lost, and what is given up. Pure: of the losses and of what the store lacks.

A worker is lost through its machine (taken away, out of memory) or through what it was doing; which, nobody knows.
So the slice it was at comes last in its setting's next round. The second time it is given up. A setting that loses
its worker round after round with nothing finished in between is given up as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from pipeline.store import Span

TRIES = 2  # of a slice at which workers are lost
FRUITLESS = 3  # rounds in which a setting finishes nothing


class Losses:
    """Keeps count over the rounds of a sweep."""

    def __init__(self) -> None:
        self.given_up: dict[str, str] = {}  # setting -> what happened, in a line
        self._lost: Counter[tuple[str, Span]] = Counter()
        self._fruitless: Counter[str] = Counter()

    def again(
        self, asked: Mapping[str, list[Span]], lost: Mapping[str, str], stored: Mapping[str, Iterable[Span]]
    ) -> dict[str, list[Span]]:
        """The next round: for each setting that lost its worker, slices in the order to try them.

        `asked`: the slices of this round in the order in which they were tried; `lost`: settings whose worker was
        lost, each with what is known of it; `stored`: what the store has of those settings by now.
        """
        rounds = {sid: self._rest(sid, asked[sid], reason, stored[sid]) for sid, reason in lost.items()}
        return {sid: slices for sid, slices in rounds.items() if slices}

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
