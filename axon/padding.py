"""How much of what passes over whole canvases compute is padding: of a stream so far, and of a group to be decoded.

A canvas is as wide as its longest prompt and the answer after it. Columns are counted over all rows and passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MOST_PADDING = 0.1  # of the columns that a stream computes


class Padding:
    """The account of one stream. What short prompts don't use of the share is there for long ones, of all lengths."""

    def __init__(self, answer: int) -> None:
        """`answer`: columns of each row after its prompt, and at most so many passes."""
        self._answer = answer
        self.columns = self.padded = 0  # so far
        self._passes = 0
        self._entered: dict[int, int] = {}  # the passes before each row that is being decoded
        self._batch = (0, 0)  # columns of a pass, and how many of them are padding
        self._finished = self._steps = 0  # rows, and the passes of all of them

    def begin(self, lengths: Mapping[int, int]) -> None:
        """Of the prompts of the batch from now on, by row."""
        for row in lengths:
            self._entered.setdefault(row, self._passes)
        self._batch = self._of(list(lengths.values()))

    def finished(self, row: int, steps: int) -> None:
        """After that many passes; the batch has been the same since `begin`."""
        passes = self._entered.pop(row) + steps
        columns, padded = self._batch
        self.columns += (passes - self._passes) * columns
        self.padded += (passes - self._passes) * padded
        self._passes = passes
        self._finished, self._steps = self._finished + 1, self._steps + steps

    def failed(self) -> None:
        """The rows of the batch begin anew."""
        self._entered.clear()

    def too_much(self, lengths: Sequence[int]) -> bool:
        """Whether a batch of such prompts is more than a share of padding, and makes the whole account more.

        It is taken to last as long as rows did so far.
        """
        columns, padded = self._of(lengths)
        if padded <= MOST_PADDING * columns:
            return False
        lasts = self._steps / self._finished if self._finished else self._answer
        return self.padded + lasts * padded > MOST_PADDING * (self.columns + lasts * columns)

    def _of(self, lengths: Sequence[int]) -> tuple[int, int]:
        columns = len(lengths) * (max(lengths) + self._answer)
        return columns, columns - sum(lengths) - len(lengths) * self._answer


def sorted_padding(lengths: Sequence[int], rows: int, answer: int) -> float:
    """The share of padding where prompts are sorted by length and decoded in full batches, one after the other."""
    ordered, columns = sorted(lengths, reverse=True), 0
    for start in range(0, len(ordered), rows):
        columns += len(ordered[start : start + rows]) * (ordered[start] + answer)
    return 1 - (sum(ordered) + len(ordered) * answer) / columns if columns else 0.0
