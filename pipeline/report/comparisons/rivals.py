"""Does another front lie higher than the one that the user compares with? Any decoder, cache or length, not AXON alone.

Each line (settings that differ in their trade-off parameter and seed alone) is compared with one of the group named, as
a variant of AXON is with its base (see `effects`). Intervals hold simultaneously for all lines of a reference (max-T)
and all references of the report (Bonferroni). The verdicts on AXON are judged apart from these. Where steps of some
compute more than those of others, under a cache or by the decoder's own way, all are compared along computed positions,
too, with intervals of their own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.report.comparisons.axes import NFE, POSITIONS, Axis
from pipeline.report.comparisons.cohorts import Cohort, as_key, make_side, trade_off_of
from pipeline.report.comparisons.cohorts import Side as Line
from pipeline.report.comparisons.comparison import ALPHA, Evidence
from pipeline.report.comparisons.effect import Effect
from pipeline.report.comparisons.effects import measure
from pipeline.report.comparisons.lines import lines_of
from pipeline.report.statistics.sample import Sample
from pipeline.report.statistics.sides import Side, pairs_of


@dataclass(frozen=True)
class Rivals:
    """Lines compared with one reference, each with what it gains over that."""

    reference: str
    effects: tuple[tuple[str, Effect], ...]
    alike: tuple[str, ...]  # decode every example as settings of the reference do
    lineless: tuple[str, ...]  # single settings, or without a range of NFE or enough examples in common
    references: int  # in the whole report
    axis: Axis = NFE


def compare_fronts(facets: Sequence[Evidence], against: str | None) -> list[list[Rivals]]:
    """Per facet one per line of `against` that others are compared with, in the order of the settings; an empty one
    where there is nothing to compare.

    `against`: a run, a group, or its part of one decoder, `base (dawn)`. None: no comparison.
    """
    if against is None:
        return [[] for _ in facets]
    asked = [_asked(facet, against) for facet in facets]
    references = sum(map(len, asked))
    nothing = [Rivals(against, (), (), (), references)]
    return [
        [found for axis in _axes(facet, own) for found in _judged(facet, own, references, axis)] or nothing
        for facet, own in zip(facets, asked, strict=True)
    ]


def _axes(facet: Evidence, asked: Sequence[tuple[Side, list[Side]]]) -> Iterator[Axis]:
    yield NFE
    rows = sorted({row for reference, lines in asked for line in (reference, *lines) for row in line.rows})
    settings = [facet.settings[row].decode for row in rows]
    steps = {(decode.cache, decode.decoder.wider, decode.decoder.branches) for decode in settings}
    recorded = POSITIONS.cost in facet.sample.every_cost
    if len(steps) > 1 and recorded and facet.points.loc[rows, POSITIONS.cost].notna().all():
        yield POSITIONS


def _asked(facet: Evidence, against: str) -> list[tuple[Side, list[Side]]]:
    """Each reference with the lines that are compared with it.

    Answers from elsewhere are in no paired comparison, and AXON's own verdict compares it with what it is on top of.
    """
    lines = [line for line in lines_of(facet.points, facet.settings) if line.ours]
    found: dict[str, tuple[Side, list[Side]]] = {}
    for line, reference in pairs_of(lines, against):
        if line.axon and not reference.axon and line.frame == reference.frame:
            continue
        found.setdefault(reference.name, (reference, []))[1].append(line)
    return list(found.values())


def _judged(
    facet: Evidence, asked: Sequence[tuple[Side, list[Side]]], references: int, axis: Axis
) -> Iterator[Rivals]:
    ids, values = [], []
    for setting, decode in zip(facet.settings, facet.points["decode"], strict=True):
        ids.append((setting.id, str(decode)))
        # With the decoder: no two decoders' values are alike.
        values.append(as_key([setting.decode.decoder.name, trade_off_of(setting)]))
    for reference, lines in asked:
        base, *variants = (make_side(line.rows.tolist(), ids, values) for line in (reference, *lines))
        named = {line.name: own for line, own in zip(lines, variants, strict=True)}
        yield _compared(reference.name, base, named, facet.sample, references, axis)


def _compared(
    reference: str, base: Line, lines: Mapping[str, Line], sample: Sample, references: int, axis: Axis
) -> Rivals:
    apart = {name: line for name, line in lines.items() if not set(line.rows) <= set(base.rows)}
    own = tuple(apart.values())
    idle, alpha = len(lines) - len(apart), ALPHA / references
    rows = frozenset(int(row) for line in (base, *lines.values()) for row in line.members[0])
    cohort = Cohort(reference, "", base, own, len(lines), idle, empty=0, rows=rows)
    measured = measure(cohort, sample, axis.cost, references) if own else None
    effects = {id(effect.variant): effect for effect in (measured.effects(alpha, alpha) if measured else ())}
    return Rivals(
        reference,
        tuple((name, effects[id(line)]) for name, line in apart.items() if id(line) in effects),
        tuple(name for name in lines if name not in apart),
        tuple(name for name, line in apart.items() if id(line) not in effects),
        references,
        axis,
    )
