"""Prompts that wait to be decoded, in an order in which neighbours are about as long.

A batch is padded to its longest prompt. Rows leave it one by one and the next in line take their places, so that a
batch is a stretch of that line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


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

    The first group goes from its shortest prompt to its longest, the second back, and so on, so that the lengths of
    neighbours differ little where one group follows another. Long prompts are those whose lengths differ most: after
    short ones there is padding to spare for them (axon/padding.py). What is taken and never `finished` can wait again.
    """

    def __init__(self, groups: Iterable[Sequence[Prompt]]) -> None:
        self._groups = iter(groups)
        self._line: deque[Prompt] = deque()
        self._falling = True
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

    @property
    def lengths(self) -> dict[int, int]:
        """Tokens of each prompt that is taken, by its index."""
        return {index: len(prompt.tokens) for index, prompt in self.taken.items()}

    @property
    def next_length(self) -> int | None:
        """Tokens of the prompt that is taken next; None for none."""
        self._read()
        return len(self._line[0].tokens) if self._line else None

    def _read(self) -> None:
        """The next group, once the current one is used up."""
        while not self._line:
            if (group := next(self._groups, None)) is None:
                return
            self._falling = not self._falling
            line = longest_first(group)
            self._line.extend(line if self._falling else reversed(line))
