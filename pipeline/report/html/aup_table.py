"""Accuracy under parallelism (AUP) as a table on the page, with its parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from pipeline.report.comparisons import effects
from pipeline.report.comparisons.aup import ALPHA, MARGIN, Aup
from pipeline.report.data.labels import NO_VALUE
from pipeline.report.facet import Facet
from pipeline.report.statistics.stats import Interval
from pipeline.report.words.lacking import why
from pipeline.report.words.phrases import bracketed, listed

HEADINGS = (
    "AUP [95 %]",
    "AUP to end of text [95 %]",
    "points",
    "TPF near the best [95 %]",
)


def aup_section(facet: Facet) -> str:
    """The page's part: a heading, a caption with the parameters, a table with a row per front.

    Empty without scores, and of one setting alone: it compares with nothing.
    """
    if len(facet.points) < 2 or not facet.aups:
        return ""
    head = "".join(f"<th>{escape(text)}</th>" for text in HEADINGS)
    body = "".join(
        f'<tr><td class="text">{escape(own.side.name)}</td>'
        + "".join(
            f'<td data-label="{escape(heading)}">{escape(text)}</td>'
            for heading, text in zip(HEADINGS, _texts(own), strict=True)
        )
        + "</tr>"
        for own in facet.aups
    )
    return (
        '<section class="aup"><h3>Accuracy under parallelism</h3>'
        f'<p class="soft">{escape(caption(facet))}</p>'
        f'<div class="scroll"><table class="evidence plain"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def caption(facet: Facet) -> str:
    """What AUP is and with which parameters, for a facet that has some."""
    first = facet.aups[0]
    return (
        "One number for a front (AUP): the area under accuracy (in percent) against tokens per forward (TPF), as d3LLM "
        f"defines it: alpha {ALPHA:g}, y_max {first.y_max:.4g}, the highest accuracy of the pool "
        f"({listed(first.pool)}); points of a front down to {MARGIN:g} percentage points below its most accurate. It "
        "compares only within this pool. TPF counts the whole canvas, or up to the end of text. TPF near the best, "
        "which depends on no pool: that of the front's mixes of settings where their accuracy is "
        f"{100 * effects.MARGIN:g} point, but at least {effects.ANSWERS} answers, below its best."
        + "".join(f" {sentence}" for sentence in (*careful(facet.aups), *without_interval(facet.aups)))
    )


def careful(aups: Sequence[Aup]) -> list[str]:
    """Of so few examples that three answers are as much as the margin: what the intervals are worth."""
    least = min(own.n for own in aups)
    if 100 * effects.ANSWERS / least < MARGIN:
        return []
    return [
        f"On {least} examples one answer is {100 / least:.1f} points: in simulated sweeps of 30 examples, nearly all "
        "right, AUP's 95 % intervals covered 82 to 98 %."
    ]


def without_interval(aups: Sequence[Aup]) -> list[str]:
    """Why some have none, a sentence each for AUP and for the TPF near the best."""
    unknown = {
        "AUP": sum(_lacks(own.canvas) or _lacks(own.to_eos) for own in aups),
        "TPF near the best": sum(_lacks(own.near) for own in aups),
    }
    return [sentence for what, count in unknown.items() for sentence in why(0, count, what, "front")]


def _lacks(interval: Interval) -> bool:
    return math.isnan(interval.lo) and not math.isnan(interval.estimate)


def interval_text(interval: Interval, digits: int) -> str:
    """`643.7 [499.8, 714.7]`; a dash where it is unknown."""
    if math.isnan(interval.estimate):
        return NO_VALUE
    return f"{interval.estimate:.{digits}f}{bracketed(interval.lo, interval.hi, digits)}"


def _texts(own: Aup) -> list[str]:
    points = f"{len(own.pairs)}" + (f" of {len(own.pairs) + own.left_out}" if own.left_out else "")
    return [
        interval_text(own.canvas, 1),
        interval_text(own.to_eos, 1),
        points,
        interval_text(own.near, 2),
    ]
