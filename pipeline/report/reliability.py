"""The calibration of anchors as the page shows it, a reliability diagram with its figures, and as a table."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import pandas as pd

from pipeline.report.calibration import Calibration
from pipeline.report.labels import NO_VALUE
from pipeline.report.phrases import number
from pipeline.report.reveals import KINDS, STAGES
from pipeline.report.stats import Interval

WIDTH, HEIGHT = 460, 230
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 40
RADIUS = 4.5


class Look(NamedTuple):
    colour: str
    dash: str
    shift: int  # of its marks, so that bars don't hide each other


LOOKS = (Look("#D55E00", "", -7), Look("#0072B2", "6 3", 0), Look("#009E73", "2 3", 7))


def calibration_section(found: Sequence[Calibration]) -> str:
    """Html for one facet; empty where nothing was calibrated."""
    sections = "".join(map(_section, found))
    return f'<h3>Is AXON calibrated?</h3><p class="soft">{_TOLD}</p>{sections}{_LIMITS}' if found else ""


def calibration_table(found: Sequence[tuple[str, str, Calibration]]) -> pd.DataFrame:
    """calibration.csv: of each task, model and decoder a row for each kind and stage that has tokens."""
    return pd.DataFrame(
        {
            "task": task,
            "model": model,
            "decoder": one.decoder,
            "reference": one.reference,
            "kind": kind,
            "stood_from": stage / STAGES,
            "stood_to": (stage + 1) / STAGES,
            "differs": share.estimate,
            "differs_lo": share.lo,
            "differs_hi": share.hi,
            "tokens": tokens,
            "examples": one.examples,
        }
        for task, model, one in found
        for kind, shares, counts in zip(KINDS, one.differs_CE, one.tokens_CE, strict=True)
        for stage, (share, tokens) in enumerate(zip(shares, counts, strict=True))
        if tokens
    )


_TOLD = (
    "How often a token that AXON chose as an anchor is another one in a reference decode of the same example."
)
_LIMITS = (
    '<p class="soft">By how much of the text stood before the step; as records hold no confidence, this stands for '
    "it. <b>Differs</b>: the reference decode has another token at the position. Not every such token is wrong: where "
    "two answers are worded differently, positions shift. Kinds are compared at equal stages and trade-off values, "
    "those of the anchors; what AXON revealed for want of support counts as neither. Intervals: 95&#8239;%, bootstrap "
    "over examples.</p>"
)
CAREFUL = 1.5  # tokens a step, at most, of a decode that may be called careful


def _section(one: Calibration) -> str:
    careful = (
        ""
        if one.tokens_per_step < CAREFUL
        else ' <span class="warn">That is no careful decode: for one, evaluate decoder=fixed_steps on the same '
        "examples and compare the runs.</span>"
    )
    return (
        f'<p class="calibration"><b>{escape(one.decoder)}</b>: {_share(one.anchors_differ)} of the anchors differ from '
        f"the reference: {_points(one.over_base)} than what the decoder reveals without AXON, {_points(one.over_own)} "
        f"than what it reveals in the same decodes. Mean score where an anchor differs "
        f"{_score(one.score_if_differs)}, where none does {_score(one.score_if_agrees)}.</p>"
        f'<p class="soft">Reference: {escape(one.reference)}, {one.tokens_per_step:.2f} tokens per step, '
        f"{one.examples} examples.{careful}</p>{_drawn(one)}{_figures(one)}"
    )


def _drawn(one: Calibration) -> str:
    """An SVG without a style sheet: it is read alone, too."""
    known = [share for shares in one.differs_CE for share in shares if not math.isnan(share.estimate)]
    highest = max(0.1, math.ceil(10 * max(share.hi for share in known)) / 10)
    wide, high = (WIDTH - LEFT - RIGHT) / STAGES, HEIGHT - TOP - BOTTOM
    parts = []
    for tick in range(5):
        y, value = TOP + high * (1 - tick / 4), highest * tick / 4
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity=".15"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value * 100:.3g}&#8239;%</text>'
        )
    for stage in range(STAGES):
        x = LEFT + wide * (stage + 0.5)
        named = f"{100 * stage // STAGES}&#8211;{100 * (stage + 1) // STAGES}&#8239;%"
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 22}" text-anchor="middle">{named}</text>')
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 5}" text-anchor="middle">of the text stood</text>')
    for kind, shares, look in zip(KINDS, one.differs_CE, LOOKS, strict=True):
        places = [
            (LEFT + wide * (stage + 0.5) + look.shift, *(TOP + high * (1 - own / highest) for own in share))
            for stage, share in enumerate(shares)
            if not math.isnan(share.estimate)
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in places)
        bars = "".join(f"M{x:.1f} {lo:.1f}V{hi:.1f}" for x, _, lo, hi in places)
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"/>' for x, y, *_ in places)
        parts.append(
            f'<g fill="{look.colour}" stroke="{look.colour}"><title>{escape(kind)}</title>'
            f'<polyline points="{line}" fill="none" stroke-width="2" stroke-dasharray="{look.dash}"/>'
            f'<path d="{bars}"/>{dots}</g>'
        )
    return (
        f'<svg class="reliability" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" style="max-width:100%;height:auto" '
        f'role="img" aria-label="Share of tokens that differ from the reference, by how much of the text stood" '
        f'font-size="12" fill="currentColor">{"".join(parts)}</svg>'
    )


def _figures(one: Calibration) -> str:
    head = "".join(
        f"<th>{100 * stage // STAGES}&#8211;{100 * (stage + 1) // STAGES}&#8239;%</th>"
        for stage in range(STAGES)
    )
    body = "".join(
        f'<tr><td class="text"><span class="dot" style="background:{look.colour}"></span>{escape(kind)}</td>'
        + "".join(f"<td>{_cell(share, tokens)}</td>" for share, tokens in zip(shares, counts, strict=True))
        + "</tr>"
        for kind, look, shares, counts in zip(KINDS, LOOKS, one.differs_CE, one.tokens_CE, strict=True)
    )
    return (
        '<div class="scroll"><table class="evidence"><thead><tr><th class="text">differ; of tokens</th>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(share: Interval, tokens: int) -> str:
    return f'{_share(share)} <span class="interval">of {tokens:,}</span>' if tokens else NO_VALUE


def _share(share: Interval) -> str:
    return f"{share.estimate:.1%} [{share.lo:.1%}, {share.hi:.1%}]"


def _points(excess: Interval) -> str:
    """`12.9 points more [4.5, 22.3]`"""
    if math.isnan(excess.estimate):
        return "not known whether more or less"
    lo, hi = (100 * end for end in excess[1:])
    if excess.estimate < 0:
        return f"{-100 * excess.estimate:.1f} points less [{-hi:.1f}, {-lo:.1f}]"
    return f"{100 * excess.estimate:.1f} points more [{lo:.1f}, {hi:.1f}]"


def _score(score: Interval) -> str:
    return number(score.estimate, 3) + (
        "" if math.isnan(score.estimate) else f" [{score.lo:.3f}, {score.hi:.3f}]"
    )
