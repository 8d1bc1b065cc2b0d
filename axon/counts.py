"""What is counted while a row is decoded: each count is named here, once.

Shapes: B rows, R some of them, N counts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING

from axon.elementwise import and_not

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Sums over the steps of a row, or of several."""

    gate_checks: int = 0  # steps in which a gate was evaluated
    anchors: int = 0  # anchors chosen in all AXON steps together
    axon_columns: int = 0  # columns of the block that AXON examined for sinks, summed over its steps
    axon_sinks: int = 0  # and how many of them were sinks
    graph_steps: int = 0  # steps in which the decoder drew a dependency graph (DAWN)
    empty_graph_steps: int = 0  # and in which that graph had no edge
    graph_columns: int = 0  # columns of the canvas examined for sinks, summed over those steps
    graph_sinks: int = 0  # and how many of them were sinks
    compared_steps: int = 0  # steps in which attention could hold back what else would be revealed
    held_back_steps: int = 0  # and in which it did
    held_back: int = 0  # positions that it held back in these steps
    remasked: int = 0  # tokens that the decoder masked again
    replaced: int = 0  # tokens in whose place the decoder wrote others
    ahead: int = 0  # tokens revealed as a pass that saw them written left the model surer (LoPA)
    post_steps: int = 0  # steps on blocks that were full (`Decoder.post_steps`)
    prefill_passes: int = (
        0  # passes over the prompt, whose keys and values are stored: 1 at most, 0 without a cache
    )
    store_passes: int = 0  # passes over a finished block, whose keys and values are stored
    full_passes: int = (
        0  # steps under cache prefix or dual that computed the whole canvas: each block's first
    )
    computed_positions: int = (
        0  # positions that went through the network, without padding, summed over all passes
    )
    attention_pairs: int = 0  # pairs of such a position and a column that it was compared with
    logit_positions: int = 0  # positions whose logits were computed, summed over steps


COUNTS = tuple(field.name for field in fields(Counts))

AT_ONCE = 64  # steps whose marks are summed up together


@dataclass
class RowCounts:
    """The counts of the rows being decoded."""

    amount_BN: Tensor  # a column for each of COUNTS, without what is in `alike`
    alike: Counter[str] = field(
        default_factory=Counter
    )  # what every row has had besides: it costs the device nothing
    # What rows have had besides, times how often: the same tensors step after step, which nobody changes.
    unchanged: dict[str, tuple[Tensor, int]] = field(default_factory=dict)
    marked: dict[str, list[Tensor]] = field(default_factory=dict)  # bool, to be counted: of the last steps

    def of(self, name: str) -> Tensor:
        """One count of every row, (B,)."""
        self._settle_unchanged(name)
        self._settle_marked(name)
        return self._columns[COUNTS.index(name)] + self.alike[name]

    def add(self, name: str, amount: Tensor | int, rows_R: Tensor | None = None) -> None:
        """Add to a count of every row, or of the rows at places `rows_R`."""
        if rows_R is not None:
            self._columns[COUNTS.index(name)][rows_R] += amount
        elif isinstance(amount, int):
            self.alike[name] += amount
        else:
            self._columns[COUNTS.index(name)].add_(amount)

    def add_unchanged(self, name: str, amount: Tensor | int, rows_R: Tensor | None = None) -> None:
        """`add` of what is mostly the tensor of the step before, and never changed: of every row, summed up when it
        ends.
        """
        if rows_R is not None or isinstance(amount, int):
            return self.add(name, amount, rows_R)
        before_B, times = self.unchanged.get(name, (amount, 0))
        if before_B is not amount:
            self._settle_unchanged(name)
            times = 0
        self.unchanged[name] = amount, times + 1

    def add_marked(self, name: str, marked_RX: Tensor, rows_R: Tensor | None = None) -> None:
        """`add` of how many of a row's are true, which nobody changes any more: of every row, some steps at a time."""
        if rows_R is not None:
            return self.add(name, marked_RX.sum(1), rows_R)
        marked = self.marked.setdefault(name, [])
        marked.append(marked_RX)
        if len(marked) == AT_ONCE:
            self._settle_marked(name)

    def add_held(self, otherwise_BK: Tensor, reveal_BK: Tensor) -> None:
        """Counts a step of every row whose decoder reveals `reveal_BK`, and without attention `otherwise_BK`."""
        held_BK = and_not(otherwise_BK, reveal_BK)
        self.add("compared_steps", 1)
        self.add_marked("held_back_steps", held_BK.any(1, keepdim=True))
        self.add_marked("held_back", held_BK)

    def settle(self) -> None:
        """Writes down for each row what all have had: before rows enter, leave, or are read."""
        for name, amount in self.alike.items():
            self._columns[COUNTS.index(name)].add_(amount)
        self.alike.clear()
        for name in tuple(self.unchanged):
            self._settle_unchanged(name)
        for name in tuple(self.marked):
            self._settle_marked(name)

    def _settle_unchanged(self, name: str) -> None:
        if name in self.unchanged:
            amount_B, times = self.unchanged.pop(name)
            self._columns[COUNTS.index(name)].add_(amount_B, alpha=times)

    def _settle_marked(self, name: str) -> None:
        import torch  # here, so that settings can be checked without torch

        if marked := self.marked.pop(name, None):
            self._columns[COUNTS.index(name)].add_(torch.cat(marked, 1).sum(1))

    def of_row(self, place: int) -> dict[str, int]:
        """All counts of one row."""
        self.settle()
        amounts: list[int] = self.amount_BN[place].tolist()
        return dict(zip(COUNTS, amounts, strict=True))

    @cached_property
    def _columns(self) -> tuple[Tensor, ...]:
        return self.amount_BN.unbind(1)
