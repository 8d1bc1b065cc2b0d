"""Whether AXON moves a base decoder's front, in words: short, with its numbers, and as a table."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from pipeline.report.comparison import CANT_TELL, NO, NO_FRONT, POINT, POWER, YES, Comparison
from pipeline.report.effects import MARGIN, MIN_EXAMPLES, Effect, Saving
from pipeline.report.pairs import Pair
from pipeline.report.phrases import counted, fewer, listed, signed, variant_text
from pipeline.report.picks import pick_sentence

AT_ONCE = {  # base, AXON
    (False, False): "",
    (True, False): "the base does",
    (False, True): "AXON does",
    (True, True): "both do",
}


class Row(NamedTuple):
    """One measured quantity: without AXON, with it, and the difference."""

    what: str
    base: str
    axon: str
    difference: str


@dataclass(frozen=True)
class Answer:
    """One comparison in words. `short` and `saved` are its headlines, each with its interval.

    `rows` holds the same numbers for a table headed by `sides`, the names of the base and the AXON side, and
    explained by `caption`.
    """

    short: str
    saved: str = ""
    evidence: str = ""
    pick: str = ""
    sides: tuple[str, str] = ("", "")
    rows: tuple[Row, ...] = ()
    caption: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.short, self.saved, self.evidence, self.pick) if part)


def no_answer(points: pd.DataFrame) -> Answer:
    unknown = "Whether AXON moves the front cannot be said"
    if not points["axon"].any():
        return Answer(f"{unknown}: no setting uses AXON.")
    if not points.loc[points["complete"], "axon"].any():
        return Answer(f"{unknown}: no AXON setting was scored.")
    return Answer(f"{unknown}: no base setting equals an AXON one in all but AXON and speed.")


def answer(points: pd.DataFrame, found: Comparison, comparisons: int) -> Answer:
    """`comparisons`: how many there are in all, for which the intervals hold together."""
    name = found.cohort.name
    short = f"AXON moves the front of {name}: {found.outcome}"
    if found.cohort.empty and not found.cohort.variants:
        asked = f"of {counted(found.cohort.asked, 'variant')} {found.cohort.empty} had no support"
        return Answer(f"{short}, AXON was empty: {asked} to choose anchors by in most of AXON's steps.")
    if not found.cohort.variants and found.enough:
        asked = f"every one of {counted(found.cohort.asked, 'variant')} decodes"
        return Answer(f"{short}, it changes no decode: {asked} each example as {name} alone.")
    if not found.enough:
        return Answer(
            f"{short}, too few examples: {found.n} were scored, at least {MIN_EXAMPLES} are needed."
        )
    if found.outcome == NO_FRONT:
        return _paired(points, found, comparisons)
    return _along_fronts(points, found, comparisons, short)


def _along_fronts(points: pd.DataFrame, found: Comparison, comparisons: int, short: str) -> Answer:
    cohort, leading = found.cohort, found.leading
    variant = variant_text(points, leading.variant, cohort.base)
    gain = f"{signed(leading.difference, 3)} mean quality with {variant}"
    told = {YES: f"by {gain}", NO: f"it lowers it: {gain}", CANT_TELL: gain}[found.outcome]
    best = f", the best of {len(found.effects)} variants" if len(found.effects) > 1 else ""
    return Answer(
        short=f"{short}, {told}{best}.",
        saved=_saved(leading.saving, variant),
        evidence=" ".join([*_measured(points, found), _multiplicity(found, comparisons)]),
        pick=pick_sentence(points, cohort.base, leading.variant),
        sides=(f"{cohort.name} alone", f"AXON, {variant}"),
        rows=tuple(_rows(leading)),
        caption=f"{_on(found)}. {_multiplicity(found, comparisons)}",
    )


def _saved(saving: Saving, variant: str) -> str:
    if not saving.quality > 0:
        return (
            f"Steps at equal quality: cannot be said, since no quality above {MARGIN:g} is reached by both."
        )
    level = f"quality {saving.quality:.3f}, {MARGIN:g} below the highest that both reach"
    below = "" if saving.holds else ", which is not the base's best"
    return (
        f"Steps at equal quality: {fewer(saving.share)} with {variant}, {saving.axon_nfe:.1f} in place of "
        f"{saving.base_nfe:.1f} ({signed(saving.steps, 1)}), where each first reaches {level}{below}"
        f"{_at_once(saving)}."
    )


def _at_once(saving: Saving) -> str:
    who = AT_ONCE[saving.at_once]
    return f"; {who} with the fastest setting swept, and faster ones may tell otherwise" if who else ""


def _measured(points: pd.DataFrame, found: Comparison) -> Iterator[str]:
    cohort, leading = found.cohort, found.leading
    (lo, hi), n = leading.budgets, f"{leading.n:,} examples"
    with_it, without = (
        counted(len(side.rows), "distinct setting") for side in (leading.variant, cohort.base)
    )
    yield (
        f"Over {lo:.1f} to {hi:.1f} steps mean quality is {leading.axon_quality:.3f} with it ({with_it}) and "
        f"{leading.base_quality:.3f} without ({without}), on {n}{_left_out(found)}."
    )
    lowering = [own for own in found.lowering if own is not leading]
    if lowering:
        names = [
            f"{variant_text(points, own.variant, cohort.base)} ({signed(own.difference, 3)})"
            for own in lowering
        ]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield f"It lowers it with {listed(names[:3]) if not more else ', '.join(names[:3])}{more}."
    if found.outcome == CANT_TELL:
        if not math.isnan(leading.discordance):
            yield (
                f"Of the examples {leading.discordance * 100:.1f} % score differently with it and without, at an "
                "equal speed."
            )
        yield (
            f"{n} would have told a difference of {found.detectable:.3f} (with {POWER:.0%} power); to tell one of "
            f"{POINT:g} takes about {found.needed:,}."
        )


def _multiplicity(found: Comparison, comparisons: int) -> str:
    """For what the intervals hold together, and why fewer variants count than were asked for."""
    cohort, counts = found.cohort, len(found.effects)
    kinds = []
    if counts > 1:
        kinds.append(f"{counts} distinct variants")
    if comparisons > 1:
        kinds.append(f"{comparisons} comparisons")
    text = f"The intervals hold with 95 % for {listed(kinds)} at once" if kinds else "Intervals: 95 %"
    alike = cohort.asked - cohort.idle - cohort.empty - len(cohort.variants)
    lineless = len(cohort.variants) - counts
    left = [
        f"{count} {why}"
        for count, why in (
            (cohort.idle, "that decode as the base alone"),
            (cohort.empty, "without support in most of AXON's steps"),
            (alike, "that decode as another variant"),
            (
                lineless,
                "with one setting only, no range of steps or too few examples in common, hence no line",
            ),
        )
        if count
    ]
    without = f"; of {counted(cohort.asked, 'variant')} not counted: {listed(left)}" if left else ""
    return f"{text}{without}."


def _on(found: Comparison) -> str:
    return (
        f"All {found.n} examples"
        if found.leading.n == found.n
        else f"{found.leading.n} examples{_left_out(found)}"
    )


def _left_out(found: Comparison) -> str:
    rest = found.n - found.leading.n
    if not rest:
        return ""
    # Whether an example has a score may depend on how it was answered: no bootstrap knows of those that have none.
    return (
        f", those that all these settings have ({rest:,} left out, which could move the difference by "
        f"{rest / found.n:.3f})"
    )


def _rows(leading: Effect) -> Iterator[Row]:
    (lo, hi), own = leading.budgets, leading.saving
    yield Row(
        f"mean quality over {lo:.1f} to {hi:.1f} steps",
        f"{leading.base_quality:.3f}",
        f"{leading.axon_quality:.3f}",
        signed(leading.difference, 3),
    )
    if not own.quality > 0:
        return
    yield Row(
        f"steps at equal quality, {own.quality:.3f}",
        f"{own.base_nfe:.1f}",
        f"{own.axon_nfe:.1f} ({fewer(own.share)})",
        signed(own.steps, 1),
    )


def _paired(points: pd.DataFrame, found: Comparison, comparisons: int) -> Answer:
    name = found.cohort.name
    start = (
        f"AXON with {name}: {NO_FRONT}, since a side has one distinct setting, or both take equally many steps or "
        "share too few examples"
    )
    if not found.pairs:
        return Answer(f"{start}, and no two are matched in speed on {MIN_EXAMPLES} examples.")
    pairs = sorted(found.pairs, key=lambda pair: pair.p)
    first = pairs[0]
    which = f" with {points['label'].iloc[first.axon]}" if len(pairs) > 1 else ""
    many = " and all pairs" if comparisons > 1 or len(pairs) > 1 else ""
    return Answer(
        short=f"AXON with {name}: {signed(first.quality.difference, 3)} quality, {signed(first.nfe, 1)} steps"
        f"{which}; {NO_FRONT}.",
        evidence=" ".join(_pair_text(points, pair) for pair in pairs),
        sides=(f"{name} alone", "with AXON"),
        rows=tuple(row for pair in pairs for row in _pair_rows(points, pair, len(pairs) > 1)),
        caption=f"Pairs of settings equal in all but AXON, on the examples both have. Intervals and p hold with 95 % "
        f"for quality{many} (Holm).",
    )


def _pair_text(points: pd.DataFrame, pair: Pair) -> str:
    quality = pair.quality
    counts = ""
    if quality.first_only is not None and quality.second_only is not None:
        counts = f": {quality.first_only} right only with it, {quality.second_only} only without"
    test = "exact McNemar" if quality.p is not None else "bootstrap"
    return (
        f"{points['label'].iloc[pair.axon]}: quality {pair.quality_axon:.3f} with AXON in {pair.nfe_axon:.1f} steps, "
        f"{pair.quality_base:.3f} without in {pair.nfe_base:.1f}, on {counted(quality.n, 'example')}{counts} "
        f"({test} p = {pair.p:.2g}, adjusted for all comparisons)."
    )


def _pair_rows(points: pd.DataFrame, pair: Pair, many: bool) -> Iterator[Row]:
    where = f" ({points['label'].iloc[pair.axon]})" if many else ""
    yield Row(
        f"quality{where}",
        f"{pair.quality_base:.3f}",
        f"{pair.quality_axon:.3f}",
        signed(pair.quality.difference, 3),
    )
    yield Row(f"steps{where}", f"{pair.nfe_base:.1f}", f"{pair.nfe_axon:.1f}", signed(pair.nfe, 1))
