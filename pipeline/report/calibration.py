"""Is AXON calibrated? How often its anchors differ from a careful decode, beside what the decoder reveals.

A record holds no confidence; it holds the step of each token and which steps AXON took. So the diagram is over how
much of the text stood when a token was revealed: the earlier, the less a model knows. *Differs*: the reference decode
of the same prompt has another token at that position. Only an answer's score says what is wrong: where two answers are
worded differently, positions shift, and then tokens differ that are right. That hits anchors and the decoder's reveals
alike, so that their difference says more than either. Low thresholds reveal more at once, and differ more: kinds are
compared at equal values of the trade-off parameter, those of the anchors.

Shapes: N examples, C kinds, V values of the trade-off parameter, E stages, B bootstrap
replicates; the first replicate is the sample itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.report import stats
from pipeline.report.cohorts import as_key, trade_off_of
from pipeline.report.entries import Part
from pipeline.report.reveals import Tally, is_trace
from pipeline.report.stats import Floats, Interval

MOST_TOKENS = 10_000_000  # of the settings compared: more take longer than the rest of a report
MOST_RECORDS = (
    100_000  # likewise, of a decoder's settings; of more, every second or third setting is read, and so on
)
READ = (
    *("example_id", "position", "score", "nfe", "tokens_generated"),
    *("tokens", "revealed_at", "axon_steps", "unsupported_steps", "tokens_to_eos"),
)
FEWEST = 10  # examples, for an interval over them


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
            every = math.ceil(points.loc[[*chosen, *alone], "n"].sum() / MOST_RECORDS) or 1
            found.append(_calibrated(decoder, chosen[::every], alone[::every], reference, part, points))
    return tuple(one for one in found if one is not None)


def _calibrated(
    decoder: str,
    chosen: Sequence[int],
    alone: Sequence[int],
    reference: int,
    part: Part,
    points: pd.DataFrame,
) -> Calibration | None:
    """`chosen`, `alone`: the points with AXON, and those without. None where too little is known."""
    setting = part.settings[reference]
    careful = _traces(part, reference).sort_values("position")
    most = MOST_TOKENS // (setting.decode.gen_length * (len(chosen) + len(alone)))
    careful = careful.head(max(FEWEST, most))
    if len(careful) < FEWEST:
        return None
    values = [as_key(trade_off_of(part.settings[point])) for point in (*chosen, *alone)]
    strata = {value: place for place, value in enumerate(dict.fromkeys(values))}
    tally = Tally(careful, len(strata))
    for point, value in zip((*chosen, *alone), values, strict=True):
        tally.add(_traces(part, point), strata[value], with_axon=point in chosen)
    if not tally.tokens_CNVE[0].any():
        return None
    counts_BN = np.concatenate([np.ones((1, len(careful))), stats.draw_counts(len(careful))])
    total_CBVE, differ_CBVE = (
        np.einsum("bn,cnve->cbve", counts_BN, own_CNVE, optimize=True)
        for own_CNVE in (tally.tokens_CNVE, tally.differ_CNVE)
    )
    share_CBVE, weight_BVE = _ratio(differ_CBVE, total_CBVE), total_CBVE[0]
    tokens_CVE = np.where(weight_BVE[0] > 0, tally.tokens_CNVE.sum(axis=1), 0.0)
    careful_tokens, careful_nfe = (float(careful[name].sum()) for name in ("tokens_generated", "nfe"))
    return Calibration(
        decoder,
        f"{setting.decode.decoder.name}, {points['label'].iloc[reference]}",
        careful_tokens / careful_nfe,
        len(careful),
        tuple(
            tuple(_interval(own_B) for own_B in _mean(share_BVE, weight_BVE, (1,)).T)
            for share_BVE in share_CBVE
        ),
        tuple(tuple(map(int, own_E)) for own_E in tokens_CVE.sum(axis=1)),
        _interval(_mean(share_CBVE[0], weight_BVE, (1, 2))),
        *(_interval(_mean(share_CBVE[0] - share_CBVE[other], weight_BVE, (1, 2))) for other in (1, 2)),
        *(
            _interval(_ratio(counts_BN @ score_N, counts_BN @ decodes_N))
            for score_N, decodes_N in zip(tally.score_2N, tally.decodes_2N, strict=True)
        ),
    )


def _traces(part: Part, point: int) -> pd.DataFrame:
    """The setting's scored records that hold a trace, read anew: a part keeps none."""
    rows: pd.DataFrame = part.whole(point).to_pandas().reindex(columns=list(READ))
    rows = rows.drop_duplicates("example_id", keep="last")
    return rows.loc[rows["score"].notna() & rows["tokens"].map(is_trace).astype(bool)]


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
