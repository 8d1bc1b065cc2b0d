"""The tokens of decodes beside a reference's: what kind of reveal each was, when, how sure, and whether it differs.

Shapes: N examples, G generated tokens, S steps, C kinds, V values of the trade-off parameter, E stages, Q bins of
confidence, T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.report.statistics.stats import Floats

STAGES = 5  # equal shares of the text
# Where bins of confidence start, in percent. Most tokens are in the highest tenth, where 90 % and 99.9 % are not alike.
EDGES = (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99)
BINS = len(EDGES)
ANCHORS, OWN, BASE = range(3)
KINDS = ("anchors", "the decoder's reveals in the same decodes", "the decoder's reveals without AXON")
NEITHER = -1
UNKNOWN = -1  # of a confidence

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sums:
    """Over tokens by kind, example, value and bin: how many, how many differ, and sums of `more`, each by its name."""

    of: dict[str, Floats]  # (C, N, V, bins) each

    @classmethod
    def none(cls, examples: int, values: int, bins: int, *more: str) -> Sums:
        shape = (len(KINDS), examples, values, bins)
        return cls({name: np.zeros(shape) for name in ("tokens", "differ", *more)})

    def add(self, value: int, kind_T: Ints, example_T: Ints, bin_T: Ints, **summed: Floats) -> None:
        """Tokens of one value; `summed`: of each token what is summed up besides their number."""
        shape = tuple(np.delete(self.of["tokens"].shape, 2))
        cells = np.ravel_multi_index((kind_T, example_T, bin_T), shape)
        for name, sums_CNVE in self.of.items():
            own = None if name == "tokens" else summed[name]
            sums_CNVE[:, :, value] += np.bincount(cells, own, int(np.prod(shape))).reshape(shape)


class Tally:
    """Of the tokens of decodes of the reference's N examples, by stage, and where it is known by confidence.

    Of the decodes with anchors, first those in which one differs, then the others: `decodes_2N`, and sums of scores.
    """

    def __init__(self, reference: pd.DataFrame, values: int) -> None:
        """`reference`: a row per example, with the columns example_id and tokens."""
        self._places = {example: place for place, example in enumerate(reference["example_id"])}
        self._said_NG = padded(list(reference["tokens"]), -1)
        examples = len(reference)
        self.stages = Sums.none(examples, values, STAGES)
        self.confidences = Sums.none(examples, values, BINS, "confidence", "score")
        self.score_2N, self.decodes_2N = np.zeros((2, 2, examples))

    def add(self, rows: pd.DataFrame, value: int, with_axon: bool) -> None:
        """The decodes of one setting, a row per example; of examples that the reference lacks nothing is counted."""
        rows = rows[rows["example_id"].isin(self._places)]
        if rows.empty:
            return
        where_N = rows["example_id"].map(self._places).to_numpy(dtype=np.int64)
        kind_NG, stage_NG = reveals(rows, with_axon)
        tokens_NG = padded(list(rows["tokens"]), -2)
        width = min(tokens_NG.shape[1], self._said_NG.shape[1])
        kind_NG, stage_NG = kind_NG[:, :width], stage_NG[:, :width]
        differs_NG = tokens_NG[:, :width] != self._said_NG[where_N, :width]
        score_N = rows["score"].to_numpy(dtype=np.float64)
        row, _ = own = np.nonzero(kind_NG != NEITHER)
        self.stages.add(value, kind_NG[own], where_N[row], stage_NG[own], differ=differs_NG[own])
        percent_NG = percents(list(rows["confidence_percent"]), width)
        row, _ = own = np.nonzero((kind_NG != NEITHER) & (percent_NG != UNKNOWN))
        self.confidences.add(
            value,
            kind_NG[own],
            where_N[row],
            np.searchsorted(EDGES, percent_NG[own], side="right") - 1,
            differ=differs_NG[own],
            confidence=percent_NG[own] / 100,
            score=score_N[row],
        )
        anchors_NG = kind_NG == ANCHORS
        wrong_N = (anchors_NG & differs_NG).any(axis=1)
        for side, own_N in enumerate((wrong_N, anchors_NG.any(axis=1) & ~wrong_N)):
            self.score_2N[side, where_N[own_N]] += score_N[own_N]
            self.decodes_2N[side, where_N[own_N]] += 1.0


def reveals(rows: pd.DataFrame, with_axon: bool) -> tuple[Ints, Ints]:
    """Of each token its kind, and the stage at which it was revealed: the share of the text there was, (N, G) each.

    The text ends with the first end-of-text. NEITHER: after it, never decoded, or revealed by AXON for want of support.
    """
    step_NG = padded(list(rows["revealed_at"]), -1)
    row_N1 = np.arange(len(step_NG))[:, None]
    end_N1 = rows["tokens_to_eos"].to_numpy(dtype=np.float64)[:, None]
    text_NG = (np.arange(step_NG.shape[1]) <= end_N1) & (step_NG >= 0)
    steps = int(step_NG.max(initial=0)) + 1
    cells = (row_N1 * steps + step_NG)[text_NG]
    revealed_NS = np.bincount(cells, minlength=len(step_NG) * steps).reshape(-1, steps)
    before_NS = revealed_NS.cumsum(axis=1) - revealed_NS
    at_NG = np.maximum(step_NG, 0)
    size_N1 = np.maximum(text_NG.sum(axis=1, keepdims=True), 1)
    stage_NG = np.minimum(before_NS[row_N1, at_NG] * STAGES // size_N1, STAGES - 1)
    if not with_axon:
        return np.where(text_NG, BASE, NEITHER), stage_NG
    kind_NS = np.full((len(step_NG), steps), OWN)
    for kind, column in ((ANCHORS, "axon_steps"), (NEITHER, "unsupported_steps")):
        for row, own in enumerate(rows[column]):
            if isinstance(own, list | tuple | np.ndarray):
                taken = np.asarray(own, dtype=np.int64)
                kind_NS[row, taken[taken < steps]] = kind
    return np.where(text_NG, kind_NS[row_N1, at_NG], NEITHER), stage_NG


def is_trace(tokens: Any) -> bool:
    return isinstance(tokens, list | tuple | np.ndarray) and len(tokens) > 0


def percents(lists: Sequence[Any], width: int) -> Ints:
    """The confidences of records in percent, (N, width); UNKNOWN where a record or a token has none."""
    known = np.full((len(lists), width), UNKNOWN, dtype=np.int64)
    for row, own in enumerate(lists):
        if is_trace(own):
            percent = np.asarray(own[:width], dtype=np.float64)
            known[row, : len(percent)] = np.where(np.isnan(percent), UNKNOWN, percent)
    return known


def padded(lists: Sequence[Any], fill: int) -> Ints:
    """The lists as rows, the shorter ones filled up."""
    width = max(map(len, lists), default=0)
    if all(len(own) == width for own in lists):
        return np.array(lists, dtype=np.int64).reshape(len(lists), width)
    rows = np.full((len(lists), width), fill, dtype=np.int64)
    for row, own in enumerate(lists):
        rows[row, : len(own)] = own
    return rows
