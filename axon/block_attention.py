"""Attention of one step, for a decoder, a gate and AXON's anchors: computed when asked for, and only once.

Shapes: B rows, R some of them, K block length, W canvas width.
"""

from __future__ import annotations

from torch import Tensor

from axon.attention import Capture
from axon.columns import Counted, taken
from axon.rows import of_rows
from axon.sinks import SinkThreshold
from axon.state import PartTimer


class BlockAttention:
    """Whom the positions of each row's block attend to, and how much attention the columns receive."""

    def __init__(
        self,
        capture: Capture,
        columns_BK: Tensor,
        start: int | None,
        counted: Counted,
        timer: PartTimer,
        attended_BW: Tensor | None = None,
    ) -> None:
        """`start`: of the columns, see `taken`. `counted`: the positions that column means are over.

        `attended_BW`: the attention that each column received from those of them that earlier passes have computed,
        where this one computed the block alone.
        """
        self._capture = capture
        self._columns_BK = columns_BK
        self._start = start
        self._counted = counted
        self._timer = timer
        self._attended_BW = attended_BW
        self._rows_BKW: Tensor | None = None  # of all rows, once they have been asked for
        self._column_means_BW: Tensor | None = None

    def look(self, means: bool) -> None:
        """Compute `rows` and, with `means`, `column_means`: ahead, where a decoder asks for both while it is timed."""
        if means and self._attended_BW is None and not self.known:
            with self._timer("capture"):
                self._column_means_BW, self._rows_BKW = self._capture.means_and_rows(
                    None, self._counted, self._columns_BK, self._start
                )
        else:
            self.rows()
            if means:
                self.column_means()

    @property
    def known(self) -> bool:
        """Whether all of it has been computed."""
        return self._rows_BKW is not None and self._column_means_BW is not None

    def rows(self) -> Tensor:
        """Attention of every row's block positions, (B, K, W); each position's sums to 1."""
        if self._rows_BKW is None:
            self._rows_BKW = self._captured_rows(None)
        return self._rows_BKW

    def column_means(self) -> Tensor:
        """The mean attention that each column receives from the counted positions, (B, W)."""
        if self._column_means_BW is None:
            if self._attended_BW is not None:
                self.rows()  # they are a part of these means
            self._column_means_BW = self._captured_means(None)
        return self._column_means_BW

    def among(self, rows_R: Tensor | None = None) -> Tensor:
        """A of those rows (None: all) among the positions of their block, (R, K, K)."""
        known_BKW = self._rows_BKW
        attention_RKW = self._captured_rows(rows_R) if known_BKW is None else of_rows(known_BKW, rows_R)
        columns_RK = of_rows(self._columns_BK, rows_R)
        return taken(attention_RKW, 2, columns_RK, self._start)

    def sinks(self, rows_R: Tensor | None, threshold: SinkThreshold) -> Tensor:
        """Which positions of those rows' (None: all) blocks are sinks, (R, K) bool."""
        known_BW = self._column_means_BW
        means_RW = self._captured_means(rows_R) if known_BW is None else of_rows(known_BW, rows_R)
        columns_RK = of_rows(self._columns_BK, rows_R)
        return taken(means_RW, 1, columns_RK, self._start) > self._counted.among(rows_R).bound(threshold)

    def _captured_rows(self, rows_R: Tensor | None) -> Tensor:
        with self._timer("capture"):
            return self._capture.rows(rows_R, of_rows(self._columns_BK, rows_R), self._start)

    def _captured_means(self, rows_R: Tensor | None) -> Tensor:
        with self._timer("capture"):
            counted = self._counted.among(rows_R)
            if self._attended_BW is None:
                return self._capture.column_means(rows_R, counted)
            known_BKW = self._rows_BKW
            rows_RKW = (
                self._capture.rows(rows_R, of_rows(self._columns_BK, rows_R), self._start)
                if known_BKW is None
                else of_rows(known_BKW, rows_R)
            )
            sums_RW = of_rows(self._attended_BW, rows_R) + rows_RKW.sum(1)
            return sums_RW / counted.shares_B1(1)
