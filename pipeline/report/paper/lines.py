"""The lines of a table for a paper: of every front its settings by rising NFE, with what papers report of them.

TPF, tokens per forward, is given under both conventions: over the whole canvas, where one token a step is 1, and up to
the end of text, both in tokens and in steps. All ratios are of sums over the examples.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.report.data.labels import metric
from pipeline.report.facet import Facet
from pipeline.report.statistics.pareto import front_order
from pipeline.report.statistics.sides import Side, sides_of
from pipeline.report.statistics.stats import FEWEST, Interval
from pipeline.report.words.lacking import why
from pipeline.report.words.matched_table import Texts, matched_texts


@dataclass(frozen=True)
class Line:
    """One setting. Figures that are not known are NaN."""

    setting_id: str
    method: str  # the front it is on
    setting: str  # its knobs
    accuracy: Interval  # percent
    nfe: float
    tpf: float
    tpf_to_eos: float
    tokens_per_second: float  # of machine time; NaN where the records are not all of one machine
    speed_up: float  # steps of the reference by steps of this one
    n: int
    seeds: float  # NaN where the group has not several
    seed_sd: float  # the standard deviation over them of the accuracy, percent


@dataclass(frozen=True)
class Lines:
    """Of one facet; `caption` says what the figures are, and what the speed-up is against.

    `behind`: the settings that are on no front here, and may be on another task. `matched`: quality at matched NFE, a
    table per pair of fronts.
    """

    facet: str
    task: str
    model: str
    lines: tuple[Line, ...]
    behind: tuple[Line, ...]
    against: str
    caption: str
    matched: tuple[Texts, ...]


def lines_of(facets: Sequence[Facet]) -> list[Lines]:
    """One table per facet with a scored setting."""
    return [_table(facet) for facet in facets if sides_of(facet.points, facet.settings)]


def _table(facet: Facet) -> Lines:
    sides = sides_of(facet.points, facet.settings)
    side, reference = _reference(facet, sides)
    points = facet.points.to_dict("records")
    slowest = points[reference]
    own, behind = list[Line](), list[Line]()
    for each in sides:
        front = list(_front(facet, each))
        for rows, kept in ((front, own), (sorted(set(each.rows.tolist()) - set(front)), behind)):
            kept += [_line(points[row], each, float(slowest["nfe"]), facet.one_machine) for row in rows]
    against = _named(side.name, str(slowest["label"]))
    meaning = metric(facet.settings[0])
    repeats = (
        f" ({facet.repeats:,} decodes are neighbouring settings', with their seconds)"
        if facet.repeats
        else ""
    )
    seconds = (
        f"tokens per machine second{repeats}"
        if facet.one_machine
        else "no tokens per second, as the records are of several machines or batch sizes, or don't say of which"
    )
    parts = [
        f"{facet.name}: {facet.summary.swept}",
        f"Accuracy in percent{f' ({meaning})' if meaning else ''} with 95 % intervals; NFE: steps per example; TPF: "
        f"tokens per step, over the whole canvas and up to the end of text; {seconds}. Speed-up: steps of {against} "
        f"({slowest['nfe']:.1f}) divided by the line's own. Every front's settings, chosen on the same examples.",
        *_over_seeds(own),
        *_without_accuracy(own),
    ]
    return Lines(
        facet.name,
        facet.task,
        facet.model,
        tuple(own),
        tuple(behind),
        against,
        " ".join(parts),
        tuple(matched_texts(facet)),
    )


def _over_seeds(lines: Sequence[Line]) -> list[str]:
    """What a line of several seeds is."""
    if not any(line.seeds > 1 for line in lines):
        return []
    return [
        "Of settings with several seeds all figures are means over them, with intervals over examples (all seeds of an "
        "example together); SD: of the accuracy over seeds."
    ]


def _without_accuracy(lines: Sequence[Line]) -> list[str]:
    """Why some lines' accuracy has no interval."""
    few = [line.n < FEWEST for line in lines if math.isnan(line.accuracy.lo)]
    return why(sum(few), len(few) - sum(few), "accuracy", "setting")


def _reference(facet: Facet, sides: Sequence[Side]) -> tuple[Side, int]:
    """The most accurate setting of the first front without AXON, or of the first: what a user would give up."""
    side = next((side for side in sides if side.ours and not side.axon), sides[0])
    return side, list(_front(facet, side))[-1]


def _front(facet: Facet, side: Side) -> Iterator[int]:
    """The rows of its settings by rising NFE."""
    quality, nfe = (facet.points[name].to_numpy(dtype=np.float64)[side.rows] for name in ("quality", "nfe"))
    yield from side.rows[front_order(quality, nfe)].tolist()


def _line(own: Mapping[Hashable, Any], side: Side, reference_nfe: float, one_machine: bool) -> Line:
    accuracy = Interval(*(100 * float(own[name]) for name in ("quality", "quality_lo", "quality_hi")))
    return Line(
        str(own["setting_id"]),
        side.name,
        "" if own["label"] == side.name else str(own["label"]),
        accuracy,
        float(own["nfe"]),
        float(own["tokens_per_step"]),
        float(own["tokens_per_step_to_eos"]),
        float(own["tokens_per_second"]) if one_machine else math.nan,
        reference_nfe / float(own["nfe"]) if own["nfe"] else math.nan,
        int(own["n"]),
        float(own.get("seeds", math.nan)),
        100 * float(own.get("seed_sd", math.nan)),
    )


def _named(front: str, label: str) -> str:
    return front if front == label else f"{front} {label}"
