"""The calibration of anchors as the page shows it, reliability diagrams with their figures, and as a table."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

import pandas as pd

from pipeline.report.comparisons.calibration import Calibration
from pipeline.report.comparisons.confidence import Confidences, Excess
from pipeline.report.data.reveals import ANCHORS, BASE, BINS, EDGES, KINDS, OWN, STAGES
from pipeline.report.html.binned import FEWEST, Binned, Mark, figures, picture, share_text
from pipeline.report.statistics import stats
from pipeline.report.statistics.stats import UNKNOWN, Interval
from pipeline.report.words.percent import percent
from pipeline.report.words.phrases import bracketed, listed, number

BY_CONFIDENCE, BY_STAGE = "confidence", "text already revealed"
FEW = f"What is of fewer than {FEWEST} tokens is in the table alone."
CAREFUL = 1.5  # tokens a step, at most, of a decode that may be called careful
_CONFIDENCE = tuple(pairwise(edge / 100 for edge in (*EDGES, 100)))
_REVEALED = tuple(pairwise(stage / STAGES for stage in range(STAGES + 1)))
MET = 0.5  # share of the anchors at least, for a comparison at equal confidence to speak for them


def calibration_section(found: Sequence[Calibration]) -> str:
    """Html for one facet; empty where nothing was calibrated."""
    sections = "".join(_section(one, folded=len(found) > 1) for one in found)
    return f'<h3>Is AXON calibrated?</h3><p class="soft">{_TOLD}</p>{sections}{_LIMITS}' if found else ""


def calibration_table(found: Sequence[tuple[str, str, Calibration]]) -> pd.DataFrame:
    """calibration.csv: of each task, model and decoder a row for each kind and bin with tokens, by both measures."""
    return pd.DataFrame(
        {"task": task, "model": model, "decoder": one.decoder, "reference": one.reference}
        | row
        | {"examples": one.examples}
        for task, model, one in found
        for row in (*_confidence_rows(one), *_stage_rows(one))
        if row["tokens"]
    )


def _confidence_rows(one: Calibration) -> Iterator[dict[str, object]]:
    for kind, own in zip(KINDS, one.confidences.kinds_C if one.confidences else (), strict=False):
        for place, found in enumerate(own.bins_Q):
            yield _row(
                BY_CONFIDENCE,
                kind,
                _CONFIDENCE[place],
                found.tokens,
                found.differs,
                found.confidence,
                found.score,
            )


def _stage_rows(one: Calibration) -> Iterator[dict[str, object]]:
    for kind, shares, counts in zip(KINDS, one.differs_CE, one.tokens_CE, strict=True):
        for place, (share, tokens) in enumerate(zip(shares, counts, strict=True)):
            yield _row(BY_STAGE, kind, _REVEALED[place], tokens, share, math.nan, UNKNOWN)


def _row(
    by: str,
    kind: str,
    ends: tuple[float, float],
    tokens: int,
    share: Interval,
    confidence: float,
    score: Interval,
) -> dict[str, object]:
    return {
        "kind": kind,
        "by": by,
        "from": ends[0],
        "to": ends[1],
        "mean_confidence": confidence,
        "differs": share.estimate,
        "differs_lo": share.lo,
        "differs_hi": share.hi,
        "score": score.estimate,
        "score_lo": score.lo,
        "score_hi": score.hi,
        "tokens": tokens,
    }


_TOLD = (
    "How often a token that AXON chose as an anchor is another one in a reference decode of the same example."
)
_LIMITS = (
    '<p class="soft"><b>Differs</b>: the reference decode has another token at the position. Not every such token is '
    "wrong: where two answers are worded differently, positions shift; the mean score is that of the answers in which "
    "the tokens stand. Kinds are compared at equal trade-off values, those of the anchors, and settings of a "
    "decoder and a cache that differ in something else count together; what AXON revealed for want of support "
    "counts as neither. <b>Calibration error</b>: the expected one (Guo et al. 2017) over these bins, with "
    "agreement with the reference in place of accuracy; with few tokens it is too high. Intervals: 95&#8239;%, "
    f"bootstrap over examples; none of tokens of fewer than {stats.FEWEST} examples, nor of such as all agree.</p>"
)
_NO_CONFIDENCE = (
    '<p class="soft">No record of these anchors holds a confidence (earlier versions kept none, and what they decoded '
    "stays as it is): below is by how much of the text was revealed alone.</p>"
)


def _section(one: Calibration, folded: bool) -> str:
    """`folded`: of several decoders the findings alone at first."""
    careful = (
        ""
        if one.tokens_per_step < CAREFUL
        else ' <span class="warn">That is no careful decode: for one, evaluate decoder=fixed_steps on the same '
        "examples and compare the runs.</span>"
    )
    stages = _by_stage(one)
    beside = _compared(
        (_points(one.over_base), "what the decoder reveals without AXON at equal stages"),
        (_points(one.over_own), "what it reveals in the same decodes"),
    )
    parts = (
        f"{_confidence_section(one.confidences) if one.confidences else _NO_CONFIDENCE}"
        f'<p class="soft">By how much of the text was revealed before the step. {FEW}</p>'
        f"{picture(stages)}{figures(stages)}"
    )
    differing = math.isnan(one.score_if_differs.estimate)
    scores = "" if differing else f"where an anchor differs {_score(one.score_if_differs)}, "
    return (
        f'<p class="calibration"><b>Decoder {escape(one.decoder)}</b>: {share_text(one.anchors_differ)} of the anchors '
        f"differ from the reference{beside}. Mean score {scores}where none does {_score(one.score_if_agrees)}.</p>"
        f'<p class="soft">Reference: {escape(one.reference)}, {one.tokens_per_step:.2f} tokens per step, '
        f"{one.examples} examples.{careful}</p>"
        + (f"<details><summary>By confidence and by stage</summary>{parts}</details>" if folded else parts)
    )


def _confidence_section(found: Confidences) -> str:
    anchors, own, base = (found.kinds_C[kind] for kind in (ANCHORS, OWN, BASE))
    partly = (
        ""
        if found.known > 0.9995
        else f" Of {percent(found.known, 1)} of the tokens: the others' records hold no confidence."
    )
    errors = ", ".join(
        f"{name} {share_text(kind.error)}"
        for name, kind in (
            ("anchors", anchors),
            ("the decoder's in the same decodes", own),
            ("without AXON", base),
        )
        if not math.isnan(kind.error.estimate)
    )
    binned = by_confidence(found)
    beside = _compared(
        (_excess(found.over_base), "what the decoder reveals without AXON"),
        (_excess(found.over_own), "what it reveals in the same decodes"),
    )
    return (
        f'<p class="calibration by-confidence">By their confidences {percent(anchors.expected, 1)} of the anchors '
        f"would differ. At equal confidence{beside}. "
        f"Calibration error: {errors}.{partly}</p>"
        f'<p class="soft">By confidence; dotted: as often as a calibrated one would. {FEW}</p>'
        f"{picture(binned)}{figures(binned)}"
    )


def by_confidence(found: Confidences) -> Binned:
    """From the lowest bin that has tokens on; a mark stands at the mean confidence of its tokens."""
    first = next(place for place in range(BINS) if any(kind.bins_Q[place].tokens for kind in found.kinds_C))
    edges = (*EDGES[first:], 100)
    start = edges[0] / 100
    return Binned(
        "confidence",
        edges,
        tuple(
            tuple(
                Mark((own.confidence - start) / (1 - start), own.differs, own.tokens, own.score.estimate)
                for own in kind.bins_Q[first:]
            )
            for kind in found.kinds_C
        ),
        (1 - start, 0.0),
    )


def _by_stage(one: Calibration) -> Binned:
    return Binned(
        BY_STAGE,
        tuple(100 * place // STAGES for place in range(STAGES + 1)),
        tuple(
            tuple(
                Mark((place + 0.5) / STAGES, share, tokens)
                for place, (share, tokens) in enumerate(zip(shares, counts, strict=True))
            )
            for shares, counts in zip(one.differs_CE, one.tokens_CE, strict=True)
        ),
    )


def _compared(*sides: tuple[str, str]) -> str:
    """`: 12.9 points more [4.5, 22.3] than what ...`; what there is nothing of to compare with is named as that."""
    known = ", ".join(f"{points} than {what}" for points, what in sides if points)
    lacking = listed([what for points, what in sides if not points])
    unknown = f"not known beside {lacking}, for want of such tokens" if lacking else ""
    return f": {'; '.join(filter(None, (known, unknown)))}"


def _excess(excess: Excess) -> str:
    few = f", where such reveals are ({percent(excess.met)} of the anchors)" if 0 < excess.met < MET else ""
    return _points(excess.points) and _points(excess.points) + few


def _points(excess: Interval) -> str:
    """`12.9 points more [4.5, 22.3]`; empty where it is not known."""
    if math.isnan(excess.estimate):
        return ""
    sign, word = (-1, "less") if excess.estimate < 0 else (1, "more")
    lo, hi = sorted(round(100 * sign * end, 1) + 0.0 for end in excess[1:])  # no -0.0
    return f"{100 * sign * excess.estimate:.1f} points {word}{bracketed(lo, hi, 1)}"


def _score(score: Interval) -> str:
    return number(score.estimate, 3) + bracketed(score.lo, score.hi, 3)
