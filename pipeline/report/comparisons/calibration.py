"""Is AXON calibrated? How often its anchors differ from a careful decode, beside what the decoder reveals.

Over the confidence with which a token was revealed (confidence.py), and over how much of the text was revealed then:
the earlier, the less a model knows. Records of earlier versions hold the step of each token and no confidence.
*Differs*: the reference decode of the same prompt has another token at that position. Only an answer's score says
what is wrong: where two answers are worded differently, positions shift, and then tokens differ that are right. That
hits anchors and the decoder's reveals alike, so that their difference says more than either. Low thresholds reveal more
at once, and differ more: kinds are compared at equal values of the trade-off parameter, those of the anchors.

Shapes: N examples, C kinds, V values of the trade-off parameter, E stages, B bootstrap
replicates; the first replicate is the sample itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.planning.setting import Setting
from pipeline.report.comparisons.cohorts import as_key, trade_off_of
from pipeline.report.comparisons.confidence import (
    Confidences,
    confidences,
    examples_of,
    interval,
    mean,
    ratio,
    redrawn,
)
from pipeline.report.data.reveals import ANCHORS, BASE, OWN, Tally, is_trace
from pipeline.report.data.whole import columns_of
from pipeline.report.entries import Part
from pipeline.report.statistics import stats
from pipeline.report.statistics.stats import Floats, Interval

MOST_TOKENS = 10_000_000  # of the settings compared: more take longer than the rest of a report
MOST_RECORDS = (
    100_000  # likewise, of a decoder's settings; of more, every second or third setting is read, and so on
)
READ = (
    *("example_id", "position", "score", "nfe", "tokens_generated"),
    *("tokens", "revealed_at", "confidence_percent", "axon_steps", "unsupported_steps", "tokens_to_eos"),
)
FEWEST = 10  # examples, for an interval over them


@dataclass(frozen=True)
class Calibration:
    """Of one decoder under one cache.

    A stage is the share of the text that was revealed before a token was, the first below 1/E.
    """

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
    confidences: Confidences | None  # None: no anchor's is recorded


def calibrate(part: Part, points: pd.DataFrame) -> tuple[Calibration, ...]:
    """One for each decoder, and cache, with AXON settings whose anchors alone were revealed (combine=replace).

    The reference is the setting without AXON that took the most steps, of any decoder, with the same generation length;
    one of whole passes where there is any, as most caches approximate, and one that takes no token back, which can
    take steps without end. Settings of a cache that decode alike count once. `points`: of the part, with the columns
    decode, cache, revises, nfe and label.
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
    cache = points["cache"]
    whole, final = cache == "none", ~points["revises"]
    reference = max(
        base, key=lambda point: (whole.iloc[point], final.iloc[point], points["nfe"].iloc[point], -point)
    )
    length = settings[reference].decode.gen_length
    distinct = [
        point
        for point in points.loc[usable].drop_duplicates(["decode", "cache"]).index
        if settings[point].decode.gen_length == length
    ]
    found = []
    several = cache[usable].nunique() > 1
    names = {point: _name(settings[point], cache.iloc[point] if several else "") for point in distinct}
    for decoder in dict.fromkeys(names.values()):
        own = [point for point in distinct if names[point] == decoder]
        chosen = [
            point
            for point in own
            if settings[point].uses_axon and settings[point].decode.axon.combine == "replace"
        ]
        alone = [point for point in own if not settings[point].uses_axon and point != reference]
        if chosen:
            records = sum(
                points["n"].iloc[point] * len(part.entries[point].members) for point in (*chosen, *alone)
            )
            every = math.ceil(records / MOST_RECORDS) or 1
            found.append(_calibrated(decoder, chosen[::every], alone[::every], reference, part, points))
    return tuple(one for one in found if one is not None)


def _name(setting: Setting, cache: str) -> str:
    """As a cohort is called."""
    decoder = setting.decode.decoder.name
    return f"{decoder} (cache={cache})" if cache else decoder


def _calibrated(
    decoder: str,
    chosen: Sequence[int],
    alone: Sequence[int],
    reference: int,
    part: Part,
    points: pd.DataFrame,
) -> Calibration | None:
    """`chosen`, `alone`: the points with AXON, and those without. None where too little is known.

    Every seed of theirs is a decode of its own; the reference is that of the first seed.
    """
    setting = part.settings[reference]
    careful = _traces(part, reference)[0].sort_values("position")
    decodes = sum(len(part.entries[point].members) for point in (*chosen, *alone))
    most = MOST_TOKENS // (setting.decode.gen_length * decodes)
    careful = careful.head(max(FEWEST, most))
    if len(careful) < FEWEST:
        return None
    values = [as_key(trade_off_of(part.settings[point])) for point in (*chosen, *alone)]
    strata = {value: place for place, value in enumerate(dict.fromkeys(values))}
    tally = Tally(careful, len(strata))
    for place, (point, value) in enumerate(zip((*chosen, *alone), values, strict=True)):
        for traces in _traces(part, point):
            tally.add(traces, strata[value], with_axon=place < len(chosen))
    tokens_CNVE = tally.stages.of["tokens"]
    if not tokens_CNVE[ANCHORS].any():
        return None
    n = len(careful)
    counts_BN = np.concatenate([np.ones((1, n)), stats.draw_counts(n)])
    drawn = [_differ(own) for own in redrawn(tally.stages.of, counts_BN)]
    by_stage_BCE, *overall = (np.concatenate(own) for own in zip(*drawn, strict=True))
    anchors_differ_B, over_own_B, over_base_B = overall
    tokens_CVE = np.where(tokens_CNVE[ANCHORS].sum(axis=0) > 0, tokens_CNVE.sum(axis=1), 0.0)
    examples_CE = examples_of(tokens_CNVE, tokens_CNVE[ANCHORS].any(axis=0), (2,))
    with_anchors = int(tokens_CNVE[ANCHORS].any(axis=(1, 2)).sum())
    differing, agreeing = (tally.decodes_2N > 0).sum(axis=1).tolist()
    score_2B = ratio(tally.score_2N @ counts_BN.T, tally.decodes_2N @ counts_BN.T)
    careful_tokens, careful_nfe = (float(careful[name].sum()) for name in ("tokens_generated", "nfe"))
    return Calibration(
        decoder,
        f"{setting.decode.decoder.name}, {points['label'].iloc[reference]}",
        careful_tokens / careful_nfe,
        n,
        tuple(
            tuple(interval(own_B, int(own)) for own_B, own in zip(own_EB, own_E, strict=True))
            for own_EB, own_E in zip(by_stage_BCE.transpose(1, 2, 0), examples_CE, strict=True)
        ),
        tuple(tuple(map(int, own_E)) for own_E in tokens_CVE.sum(axis=1)),
        interval(anchors_differ_B, with_anchors),
        interval(over_own_B, with_anchors),
        interval(over_base_B, with_anchors),
        interval(score_2B[0], differing),
        interval(score_2B[1], agreeing),
        confidences(tally.confidences, float(tokens_CNVE.sum()), counts_BN),
    )


def _differ(drawn: Mapping[str, Floats]) -> tuple[Floats, ...]:
    """The share that differs per kind and stage (B, C, E), of all anchors, and by how much that is more than of the
    decoder's own reveals and of those without AXON, (B,) each.
    """
    total_CBVE, differ_CBVE = drawn["tokens"], drawn["differ"]
    share_CBVE, weight_BVE = ratio(differ_CBVE, total_CBVE), total_CBVE[ANCHORS]
    return (
        np.stack([mean(share_BVE, weight_BVE, (1,)) for share_BVE in share_CBVE], axis=1),
        mean(share_CBVE[ANCHORS], weight_BVE, (1, 2)),
        *(mean(share_CBVE[ANCHORS] - share_CBVE[kind], weight_BVE, (1, 2)) for kind in (OWN, BASE)),
    )


def _traces(part: Part, point: int) -> list[pd.DataFrame]:
    """The setting's scored records that hold a trace, of each seed by itself, read anew: a part keeps none."""
    found = []
    for table in part.whole(point):
        rows = columns_of(table, READ)
        rows = rows.drop_duplicates("example_id", keep="last")
        found.append(rows.loc[rows["score"].notna() & rows["tokens"].map(is_trace).astype(bool)])
    return found
