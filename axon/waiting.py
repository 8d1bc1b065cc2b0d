"""Prompts that wait to be decoded, in an order in which neighbours are about as long.

A batch is padded to its longest prompt. Rows leave it one by one and the next in line take their places, so that a
batch is a stretch of that line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True, slots=True)
class Prompt:
    """One row to be."""

    index: int  # the caller's name for it
    tokens: Sequence[int]
    seed: int | None  # of what it draws; only needed where something is drawn


def longest_first(prompts: Iterable[Prompt]) -> list[Prompt]:
    return sorted(prompts, key=lambda prompt: -len(prompt.tokens))


class Waiting(Iterator[Prompt]):
    """Groups of prompts, read one after the other, as prompts are taken.

    The first group goes from its longest prompt to its shortest, the second back, and so on, so that the lengths of
    neighbours differ little where one group follows another. What is taken and never `finished` can wait again.
    """

    def __init__(self, groups: Iterable[Sequence[Prompt]]) -> None:
        self._groups = iter(groups)
        self._line: deque[Prompt] = deque()
        self._falling = False
        self.taken: dict[int, Prompt] = {}  # and not finished

    def __next__(self) -> Prompt:
        self._read()
        if not self._line:
            raise StopIteration
        prompt = self._line.popleft()
        self.taken[prompt.index] = prompt
        return prompt

    def finished(self, index: int) -> None:
        """Of one that was taken: it is forgotten."""
        del self.taken[index]

    def again(self) -> None:
        """What is taken waits again, before all others."""
        self._line.extendleft(reversed(self.taken.values()))
        self.taken.clear()

    def withdrawn(self) -> list[Prompt]:
        """What is taken, which is the caller's from now on."""
        found = list(self.taken.values())
        self.taken.clear()
        return found

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt that is taken or comes next, up to the end of the current group; 0 for none."""
        self._read()
        return max((len(prompt.tokens) for prompt in (*self.taken.values(), *self._line)), default=0)

    def padding_with_next(self, more: int) -> float:
        """The share of padding in a batch of what is taken and the next one, each with `more` columns after it."""
        self._read()
        widths = [len(prompt.tokens) + more for prompt in (*self.taken.values(), *islice(self._line, 1))]
        return 1 - sum(widths) / (len(widths) * max(widths)) if widths else 0.0

    def _read(self) -> None:
        """The next group, once the current one is used up."""
        while not self._line:
            if (group := next(self._groups, None)) is None:
                return
            self._falling = not self._falling
            line = longest_first(group)
            self._line.extend(line if self._falling else reversed(line))
