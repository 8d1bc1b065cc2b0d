"""Other fronts beside the one that the user compares with, in words: which lie higher, which lower, which cost less."""

from collections.abc import Iterator, Sequence

from pipeline.report.comparisons.axes import NFE, Axis
from pipeline.report.comparisons.comparison import INCONCLUSIVE
from pipeline.report.comparisons.effect import Effect
from pipeline.report.comparisons.rivals import Rivals
from pipeline.report.statistics.reach import Saving
from pipeline.report.words.phrases import counted, listed, reduction, signed
from pipeline.report.words.told import Verdict
from pipeline.report.words.verdict import (
    TOO_FAR,
    WHERE_MIXED,
    at_once,
    detects,
    level,
    rows,
    too_far_apart,
    unknown_intervals,
)

HIGHER, LOWER = "higher", "lower"
MOST = 4  # fronts of one kind that a headline names


def rival_verdicts(found: Sequence[Rivals]) -> list[Verdict]:
    """One per reference."""
    return [_verdict(own) for own in found]


def _verdict(found: Rivals) -> Verdict:
    along = "" if found.axis is NFE else f" along {found.axis.name}"
    against = f"Against the Pareto front of {found.reference}{along}"
    if not found.effects:
        return Verdict(f"{against}: {'; '.join(_left(found))}.")
    kinds = {
        kind: [own for own in found.effects if outcome(own[1]) == kind]
        for kind in (HIGHER, LOWER, INCONCLUSIVE)
    }
    told = [HIGHER, LOWER] if kinds[HIGHER] or kinds[LOWER] else [INCONCLUSIVE]
    claims = [f"{kind.capitalize()}: {_named(own, kind in told)}." for kind, own in kinds.items() if own]
    closing = " ".join(_closing(found))
    return Verdict(
        short=f"{against}, in mean quality: {' '.join(claims)}",
        saved=_saved(found.effects, found.axis),
        evidence=" ".join(
            [text for own in found.effects for text in _measured(found.reference, found.axis, *own)]
            + [closing]
        ),
        sides=(found.reference, "the other front"),
        rows=tuple(row for name, effect in found.effects for row in rows(effect, name, found.axis)),
        caption=closing,
    )


def outcome(effect: Effect) -> str:
    """Whether the front lies higher or lower, or neither is shown."""
    return HIGHER if effect.higher else LOWER if effect.lower else INCONCLUSIVE


def _named(own: Sequence[tuple[str, Effect]], figures: bool) -> str:
    """The largest differences first; with `figures`, how large they are."""
    ordered = sorted(own, key=lambda one: -abs(one[1].difference.estimate))
    texts = [
        f"{name} {signed(effect.difference, 3)}{_unshown(effect)}" if figures else name
        for name, effect in ordered[:MOST]
    ]
    more = len(ordered) - MOST
    return f"{', '.join(texts)} and {more} more" if more > 0 else listed(texts)


def _unshown(effect: Effect) -> str:
    """That a difference is not shown by the settings themselves, or where settings may be mixed, if it isn't."""
    if effect.between_alone:
        return TOO_FAR
    _, lo, hi = effect.mixed.difference
    shown = {HIGHER: lo > 0, LOWER: hi < 0, INCONCLUSIVE: True}[outcome(effect)]
    return "" if shown else f" (not shown {WHERE_MIXED})"


def _saved(effects: Sequence[tuple[str, Effect]], axis: Axis) -> str:
    """Of those that reach a quality with the reference; the largest reduction first."""
    heading = axis.name[0].upper() + axis.name[1:]
    known = [own for own in effects if own[1].saving.quality > 0]
    ordered = sorted(known, key=lambda own: -own[1].saving.fraction.estimate)
    if not ordered:
        return f"{heading} at equal quality: unknown, because no front reaches a common quality with it."
    texts = [
        f"{name} {reduction(effect.saving.fraction)}{TOO_FAR * effect.saved_between_alone}"
        for name, effect in ordered[:MOST]
    ]
    more = f" and {len(ordered) - MOST} more" if len(ordered) > MOST else ""
    return f"{heading} at equal quality, {WHERE_MIXED}: {', '.join(texts) if more else listed(texts)}{more}."


def _measured(reference: str, axis: Axis, name: str, effect: Effect) -> Iterator[str]:
    """One front's figures; what difference would have been found where none was."""
    (lo, hi), saving, swept = (
        effect.budgets,
        effect.saving,
        counted(len(effect.variant.rows), "distinct setting"),
    )
    between = f"from {lo:,.{axis.digits}f} to {hi:,.{axis.digits}f} {axis.name}"
    yield (
        f"{name}, {swept}: {between} the mean quality is {effect.axon_quality:.3f}, that of {reference} "
        f"{effect.base_quality:.3f}, on {effect.n:,} examples"
    ) + (f"; it reaches quality {_reached(reference, axis, name, saving)}." if saving.quality > 0 else ".")
    if effect.between_alone:
        yield too_far_apart(effect, reference)
    elif outcome(effect) == INCONCLUSIVE:
        yield from detects(effect)
    yield from unknown_intervals(effect, axis.name)


def _reached(reference: str, axis: Axis, name: str, saving: Saving) -> str:
    below = "" if saving.holds else f", which is lower than the best of {reference}"
    return (
        f"{level(saving)}{below}, at {saving.axon_cost:,.{axis.digits}f} {axis.name} instead of "
        f"{saving.base_cost:,.{axis.digits}f}"
        f"{at_once(saving, reference, name)}"
    )


def _closing(found: Rivals) -> Iterator[str]:
    counts = [counted(len(found.effects), "front")] if len(found.effects) > 1 else []
    counts += [f"{found.references} references"] if found.references > 1 else []
    yield f"95 % intervals{f', simultaneous over {listed(counts)}' if counts else ''}; AXON's verdicts count apart."
    yield (
        "A front lies higher whose mean quality is higher over the same budgets; what counts at equal quality is the "
        f"{found.axis.name} at which each first reaches a quality a margin below the highest that both reach. Between "
        "two settings that lie far apart a decoder may do better than the straight line does, so that a difference "
        "counts only if the settings themselves show it, unless both fronts have them at the same values of the "
        "trade-off parameter."
    )
    if left := _left(found):
        yield f"Not counted: {'; '.join(left)}."


def _left(found: Rivals) -> list[str]:
    """Fronts that there is nothing to say of, and why."""
    own = (
        (found.alike, "every example decoded as under it"),
        (found.lineless, "no line (a single setting, no range of NFE, or too few common examples)"),
    )
    left = [f"{listed(names)}: {why}" for names, why in own if names]
    if not (left or found.effects):
        return [
            "nothing is compared with it, since it or all other fronts lack complete settings or are left to AXON's "
            "own verdict"
        ]
    return left
