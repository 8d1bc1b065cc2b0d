"""Is AXON calibrated? How often its anchors differ from a careful decode, beside what the decoder reveals.

A record holds no confidence; it holds the step of each token and which steps AXON took. So the diagram is over how
much of the text stood when a token was revealed: the earlier, the less a model knows. *Differs*: the reference decode
of the same prompt has another token at that position. Only an answer's score says what is wrong: where two answers are
worded differently, positions shift, and then tokens differ that are right. That hits anchors and the decoder's reveals
alike, so that their difference says more than either. Low thresholds reveal more at once, and differ more: kinds are
compared at equal values of the trade-off parameter, those of the anchors.

Shapes: N examples, G generated tokens, S steps, C kinds, V values of the trade-off parameter, E stages, B bootstrap
replicates; the first replicate is the sample itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.report import stats
from pipeline.report.cohorts import as_key, trade_off_of
from pipeline.report.entries import Part
from pipeline.report.stats import Floats, Interval

STAGES = 5  # equal shares of the text
ANCHORS, OWN, BASE = KINDS = (
    "anchors",
    "the decoder's reveals in the same decodes",
    "the decoder's reveals without AXON",
)
MOST_TOKENS = 10_000_000  # of the settings compared: more take longer than the rest of a report
FEWEST = 10  # examples, for an interval over them

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Calibration:
    """Of one decoder. A stage is the share of the text that stood before a token was revealed, the first below 1/E."""

    decoder: str
    reference: str  # the setting that is the reference, in words
    tokens_per_step: float  # of the reference
    examples: int
    # Share of tokens that differ from the reference, averaged over trade-off values as the anchors are spread.
    differs_CE: tuple[tuple[Interval, ...], ...]
    tokens_CE: tuple[tuple[int, ...], ...]  # that these shares are of
    anchors_differ: Interval  # of all anchors
    over_own: Interval  # anchors less the decoder's reveals in the same decodes, at the anchors' stages
    over_base: Interval  # anchors less its reveals without AXON
    score_if_differs: Interval  # mean score of the decodes in which an anchor differs
    score_if_agrees: Interval  # and of those with anchors none of which does


def calibrate(part: Part, points: pd.DataFrame) -> tuple[Calibration, ...]:
    """One for each decoder with AXON settings whose anchors alone were revealed (combine=replace).

    The reference is the setting without AXON that took the most steps, of any decoder, with the same generation length.
    Settings that decode identically count once. `points`: of the part, with the columns decode, nfe and label.
    """
    usable = [
        point
        for point, setting in enumerate(part.settings)
        if not setting.foreign and not np.isnan(points["nfe"].iloc[point])
    ]
    settings = part.settings
    if not any(settings[point].uses_axon for point in usable):
        return ()
    base = [point for point in usable if not settings[point].uses_axon]
    if not base:
        return ()
    reference = max(base, key=lambda point: (points["nfe"].iloc[point], -point))
    length = settings[reference].decode.gen_length
    distinct = [
        point
        for point in points.loc[usable].drop_duplicates("decode").index
        if settings[point].decode.gen_length == length
    ]
    found = []
    for decoder in dict.fromkeys(settings[point].decode.decoder.name for point in distinct):
        own = [point for point in distinct if settings[point].decode.decoder.name == decoder]
        chosen = [
            point
            for point in own
            if settings[point].uses_axon and settings[point].decode.axon.combine == "replace"
        ]
        alone = [point for point in own if not settings[point].uses_axon and point != reference]
        if chosen:
            found.append(_calibrated(decoder, chosen, alone, reference, part, points))
    return tuple(one for one in found if one is not None)


def _calibrated(
    decoder: str,
    chosen: Sequence[int],
    alone: Sequence[int],
    reference: int,
    part: Part,
    points: pd.DataFrame,
) -> Calibration | None:
    traces = part.rows[part.rows["scored"] & part.rows["point"].isin([*chosen, *alone, reference])]
    traces = traces[[_is_trace(own) for own in traces["tokens"]]]
    careful = traces[traces["point"] == reference].sort_values("position")
    length = part.settings[reference].decode.gen_length
    careful = careful.head(max(FEWEST, MOST_TOKENS // (length * (len(chosen) + len(alone)))))
    places = {example: place for place, example in enumerate(careful["example_id"])}
    if len(places) < FEWEST:
        return None
    said_NG = _padded(list(careful["tokens"]), -1)
    values = {point: as_key(trade_off_of(part.settings[point])) for point in (*chosen, *alone)}
    strata = {value: place for place, value in enumerate(dict.fromkeys(values.values()))}
    differ_CNVE, tokens_CNVE = np.zeros((2, len(KINDS), len(places), len(strata), STAGES))
    scores_2N, decodes_2N = np.zeros((2, 2, len(places)))
    for point, rows in traces[traces["example_id"].isin(places)].groupby("point", sort=False):
        if point == reference:
            continue
        where_N = rows["example_id"].map(places).to_numpy(dtype=np.int64)
        kind_NG, stage_NG = _reveals(rows, with_axon=point in set(chosen))
        tokens_NG = _padded(list(rows["tokens"]), -2)
        width = min(tokens_NG.shape[1], said_NG.shape[1])
        differs_NG = tokens_NG[:, :width] != said_NG[where_N, :width]
        kind_NG, stage_NG = kind_NG[:, :width], stage_NG[:, :width]
        for kind in range(len(KINDS)):
            counted_NG = kind_NG == kind
            row, _ = place = np.nonzero(counted_NG)
            at = (where_N[row], strata[values[point]], stage_NG[place])
            np.add.at(tokens_CNVE[kind], at, 1.0)
            np.add.at(differ_CNVE[kind], at, differs_NG[place].astype(np.float64))
        anchored_N = (kind_NG == 0).any(axis=1)
        wrong_N = ((kind_NG == 0) & differs_NG).any(axis=1)
        for side, own_N in enumerate((wrong_N, anchored_N & ~wrong_N)):
            np.add.at(scores_2N[side], where_N[own_N], rows["score"].to_numpy(dtype=np.float64)[own_N])
            np.add.at(decodes_2N[side], where_N[own_N], 1.0)
    if not tokens_CNVE[0].any():
        return None
    careful_nfe, careful_tokens = careful["nfe"].sum(), careful["tokens_generated"].sum()
    setting = part.settings[reference]
    counts_BN = np.concatenate([np.ones((1, len(places))), stats.draw_counts(len(places))])
    total_CBVE, differ_CBVE = (
        np.einsum("bn,cnve->cbve", counts_BN, own_CNVE, optimize=True) for own_CNVE in (tokens_CNVE, differ_CNVE)
    )
    share_CBVE, weight_BVE = _ratio(differ_CBVE, total_CBVE), total_CBVE[0]
    anchored_VE = weight_BVE[0] > 0
    stage_XE = np.eye(STAGES)[np.nonzero(anchored_VE)[1]]
    return Calibration(
        decoder,
        f"{setting.decode.decoder.name}, {points['label'].iloc[reference]}",
        float(careful_tokens / careful_nfe),
        len(places),
        tuple(
            tuple(_interval(_mean(share_BVE, weight_BVE, (1,))[:, e]) for e in range(STAGES))
            for share_BVE in share_CBVE
        ),
        tuple(
            tuple(int(own) for own in tokens_NVE[:, anchored_VE].sum(axis=0) @ stage_XE)
            for tokens_NVE in tokens_CNVE
        ),
        _interval(_mean(share_CBVE[0], weight_BVE, (1, 2))),
        *(_interval(_mean(share_CBVE[0] - share_CBVE[other], weight_BVE, (1, 2))) for other in (1, 2)),
        *(_interval(_ratio(counts_BN @ scores_2N[side], counts_BN @ decodes_2N[side])) for side in (0, 1)),
    )


def _reveals(rows: pd.DataFrame, with_axon: bool) -> tuple[Ints, Ints]:
    """Per token which kind of reveal it is, -1 after the end of the text, and at which stage, (N, G) each.

    What AXON revealed for want of support is neither an anchor nor the decoder's choice: -1, too.
    """
    step_NG = _padded(list(rows["revealed_at"]), -1)
    rows_N = np.arange(len(step_NG))[:, None]
    end_N1 = rows["tokens_to_eos"].to_numpy(dtype=np.float64)[:, None]
    text_NG = (np.arange(step_NG.shape[1]) <= end_N1) & (step_NG >= 0)
    steps = int(step_NG.max(initial=0)) + 1
    revealed_NS = np.zeros((len(step_NG), steps))
    np.add.at(revealed_NS, (np.broadcast_to(rows_N, step_NG.shape)[text_NG], step_NG[text_NG]), 1.0)
    before_NS = revealed_NS.cumsum(axis=1) - revealed_NS
    share_NG = before_NS[rows_N, np.maximum(step_NG, 0)] / np.maximum(text_NG.sum(axis=1, keepdims=True), 1)
    stage_NG = np.minimum((share_NG * STAGES).astype(np.int64), STAGES - 1)
    if not with_axon:
        return np.where(text_NG, 2, -1), stage_NG
    by_NS = np.full((len(step_NG), steps), 1)
    for kind, column in ((0, "axon_steps"), (-1, "unsupported_steps")):
        for row, own in enumerate(rows[column]):
            if isinstance(own, (list, tuple, np.ndarray)) and len(own):
                taken = np.asarray(own, dtype=np.int64)
                by_NS[row, taken[taken < steps]] = kind
    return np.where(text_NG, by_NS[rows_N, np.maximum(step_NG, 0)], -1), stage_NG


def _mean(values_BVE: Floats, weight_BVE: Floats, axes: tuple[int, ...]) -> Floats:
    """The mean of the known values, weighted, over some axes."""
    known_BVE = np.where(np.isnan(values_BVE), 0.0, weight_BVE)
    return _ratio((np.nan_to_num(values_BVE) * known_BVE).sum(axis=axes), known_BVE.sum(axis=axes))


def _ratio(above: Floats, below: Floats) -> Floats:
    ratios: Floats = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return ratios


def _interval(values_B: Floats) -> Interval:
    """Of an estimate and its replicates."""
    return stats.percentile_interval(float(values_B[0]), values_B[1:])


def _is_trace(tokens: Any) -> bool:
    return isinstance(tokens, (list, tuple, np.ndarray)) and len(tokens) > 0


def _padded(lists: Sequence[Any], fill: int) -> Ints:
    """The lists as rows, the shorter ones filled up."""
    width = max(map(len, lists), default=0)
    if all(len(own) == width for own in lists):
        return np.array(lists, dtype=np.int64).reshape(len(lists), width)
    rows = np.full((len(lists), width), fill, dtype=np.int64)
    for row, own in enumerate(lists):
        rows[row, : len(own)] = own
    return rows
