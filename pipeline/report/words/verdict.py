"""Whether AXON moves a base decoder's Pareto front, in words: the headlines, the evidence, and both as a table."""

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from pipeline.report.comparisons.axes import NFE, Axis
from pipeline.report.comparisons.comparison import INCONCLUSIVE, NO, NO_FRONT, YES, Comparison
from pipeline.report.comparisons.effect import POINT, POWER, Effect
from pipeline.report.comparisons.effects import MIN_EXAMPLES
from pipeline.report.statistics.reach import Saving
from pipeline.report.words.lacking import all_agree, too_few_replicates
from pipeline.report.words.pair_verdict import pair_verdict
from pipeline.report.words.percent import percent
from pipeline.report.words.phrases import counted, listed, reduction, signed, variant_phrase
from pipeline.report.words.picked import pick_sentence
from pipeline.report.words.told import Row, Verdict, step_words

TOO_FAR = " (settings too far apart to tell)"
WHERE_MIXED = "where settings may be mixed"


def no_verdict(points: pd.DataFrame) -> Verdict:
    unknown = "No comparison with and without AXON"
    if not points["axon"].any():
        return Verdict(f"{unknown}: no setting uses AXON.")
    if not points.loc[points["n"] > 0, "axon"].any():
        return Verdict(f"{unknown}: no AXON setting was scored.")
    if not points.loc[points["complete"], "axon"].any():
        return Verdict(f"{unknown}: no AXON setting was scored on enough of its examples to be compared.")
    if len(points) == 1:
        return Verdict(f"{unknown}: this is one setting; sweep=with_axon evaluates the base decoder, too.")
    return Verdict(
        f"{unknown}: no base setting equals an AXON setting in everything but AXON and the trade-off parameter."
    )


def verdicts(points: pd.DataFrame, found: Sequence[Comparison], comparisons: int) -> list[Verdict]:
    """Of each comparison; those that lack examples share one, which stands where the first of them does."""
    few = [own for own in found if _lacks_examples(own)]
    made = []
    for own in found:
        if not _lacks_examples(own):
            made.append(_verdict(points, own, comparisons))
        elif own is few[0]:
            made.append(_too_few(few))
    return made


def _lacks_examples(found: Comparison) -> bool:
    return not found.enough and not (found.cohort.empty and not found.cohort.variants)


def _too_few(found: Sequence[Comparison]) -> Verdict:
    least, most = (pick(own.n for own in found) for pick in (min, max))
    scored = f"{least}" if least == most else f"{least} to {most}"
    fronts = f"Pareto front{'s' * (len(found) > 1)} of {listed([own.cohort.name for own in found])}"
    return Verdict(
        f"Effect of AXON on the {fronts}: {INCONCLUSIVE}, because of too few examples: {scored} scored, at least "
        f"{MIN_EXAMPLES} needed."
    )


def _verdict(points: pd.DataFrame, found: Comparison, comparisons: int) -> Verdict:
    """`comparisons`: how many there are in the whole report, over which the intervals hold simultaneously."""
    name, asked = found.cohort.name, found.cohort.asked
    inconclusive = f"Effect of AXON on the Pareto front of {name}: {INCONCLUSIVE}"
    if found.cohort.empty and not found.cohort.variants:
        return Verdict(
            f"{inconclusive}, because AXON was empty: {found.cohort.empty} of {counted(asked, 'variant')} had no "
            "support to select anchors by in most of AXON's steps."
        )
    if not found.cohort.variants:
        variants = "the only variant decodes" if asked == 1 else f"all {asked} variants decode"
        return Verdict(
            f"AXON has no effect on the Pareto front of {name}: {variants} every example exactly as {name} alone."
        )
    if found.outcome == NO_FRONT:
        return pair_verdict(points, found, comparisons)
    return _along_fronts(points, found, comparisons)


def _along_fronts(points: pd.DataFrame, found: Comparison, comparisons: int) -> Verdict:
    cohort, leading = found.cohort, found.leading
    variant = variant_phrase(points, leading.variant, cohort.base)
    claim = {
        YES: f"AXON improves the Pareto front of {cohort.name}",
        NO: f"AXON lowers the Pareto front of {cohort.name}",
        INCONCLUSIVE: f"Effect of AXON on the Pareto front of {cohort.name}: {INCONCLUSIVE}",
    }[found.outcome]
    if found.outcome == INCONCLUSIVE:
        claim += ", as settings lie too far apart:" if found.too_far_apart else ","
    else:
        claim += ":" if found.mixed else f", not shown {WHERE_MIXED}:"
    best = f", the best of {len(found.effects)} variants" if len(found.effects) > 1 else ""
    closing = (
        _mixed(leading),
        _multiplicity(found, comparisons),
        *unknown_intervals(leading, "NFE"),
        *step_words(points, found),
    )
    return Verdict(
        short=f"{claim} {signed(leading.difference, 3)} mean quality with {variant}{best}. "
        f"{WHERE_MIXED.capitalize()}: {signed(leading.mixed.difference, 3)}.",
        saved=_saved(leading, variant),
        evidence=" ".join([*_measured(points, found), *closing]),
        pick=pick_sentence(points, cohort.base, leading.variant, leading.saving.margin),
        sides=(f"{cohort.name} alone", f"AXON, {variant}"),
        rows=tuple(rows(leading)),
        caption=" ".join([f"{_on(found)}.", *closing]),
    )


def _mixed(leading: Effect) -> str:
    """What a line, which is linear between neighbours alone, hides."""
    own = leading.mixed
    return (
        f"A mix runs one setting on some examples and another on the rest: where each side may mix any two of its "
        f"settings, the mean quality is {own.axon_quality:.3f} with AXON and {own.base_quality:.3f} without."
    )


def _saved(effect: Effect, variant: str) -> str:
    saving = effect.saving
    if not saving.quality > 0:
        return (
            "NFE at equal quality: unknown, because the two sides reach no common quality above "
            f"{saving.margin:.2g}."
        )
    below = "" if saving.holds else ", which is lower than the base decoder's best"
    return (
        f"NFE at equal quality: {reduction(saving.fraction)}{TOO_FAR * effect.saved_between_alone} with {variant}, "
        f"{saving.axon_cost:.1f} instead of "
        f"{saving.base_cost:.1f} ({signed(saving.cost, 1)}), {WHERE_MIXED} and each side first reaches quality "
        f"{level(saving)}{below}{at_once(saving, 'the base decoder', 'AXON')}."
    )


def unknown_intervals(effect: Effect, cost: str) -> Iterator[str]:
    """Why differences have no interval, where they have none."""
    saved = [f"{cost} at equal quality"] if effect.saving.quality > 0 else []
    undrawn: dict[float, list[str]] = {}
    if math.isnan(effect.difference.lo):
        undrawn[effect.alpha] = ["mean quality"]
    if not math.isnan(effect.mixed.difference.lo):
        if saved and math.isnan(effect.saving.fraction.lo):
            yield all_agree(saved)
    else:
        undrawn.setdefault(effect.further_alpha, []).extend([f"mean quality {WHERE_MIXED}", *saved])
    yield from (too_few_replicates(what, alpha, alpha) for alpha, what in undrawn.items())


def level(saving: Saving) -> str:
    return f"{saving.quality:.3f}, {saving.margin:.2g} below the highest quality that both reach"


def at_once(saving: Saving, base: str, variant: str) -> str:
    """Which of these two would reach it faster still, had faster settings been swept."""
    reached = {(False, False): "", (True, False): f"{base} reaches", (False, True): f"{variant} reaches"}
    who = reached.get(saving.at_once, "both reach")
    return f"; {who} it with the fastest setting swept, so faster settings may change this" if who else ""


def _measured(points: pd.DataFrame, found: Comparison) -> Iterator[str]:
    cohort, leading = found.cohort, found.leading
    lo, hi = leading.budgets
    with_it, without = (
        counted(len(side.rows), "distinct setting") for side in (leading.variant, cohort.base)
    )
    yield (
        f"From {lo:.1f} to {hi:.1f} NFE the mean quality is {leading.axon_quality:.3f} with AXON ({with_it}) and "
        f"{leading.base_quality:.3f} without ({without}), on {leading.n:,} examples{_left_out(found)}."
    )
    # Of the leading one the headline tells it, unless another leaves the outcome open.
    lowering = [own for own in found.lowering if own is not leading or found.outcome == INCONCLUSIVE]
    if lowering:
        names = [
            f"{variant_phrase(points, own.variant, cohort.base)} ({signed(own.difference, 3)})"
            for own in lowering
        ]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield f"AXON lowers the front with {listed(names[:3]) if not more else ', '.join(names[:3])}{more}."
    if far := found.too_far_apart:
        whose = "" if far is leading else f"With {variant_phrase(points, far.variant, cohort.base)}: "
        yield f"{whose}{too_far_apart(far, 'the base decoder')}"
    elif found.outcome == INCONCLUSIVE:
        if not math.isnan(leading.discordance):
            yield (
                f"{leading.discordance * 100:.1f} % of the examples score differently with and without AXON at the "
                "same value of the trade-off parameter."
            )
        yield from detects(leading)


def too_far_apart(effect: Effect, base: str) -> str:
    """Why a difference between the lines doesn't count."""
    higher = effect.difference.lo > 0
    way, where, own = (
        ("higher", f"at the settings of {base}", effect.at_base)
        if higher
        else ("lower", "at its own settings", effect.at_own)
    )
    shown = f"there it is {signed(own, 3)}" if math.isfinite(own.estimate) else "none of which lies between"
    return (
        f"The line lies {way}, which isn't shown {where} alone ({shown}): what a front does between settings this far "
        "apart is unknown."
    )


def detects(effect: Effect) -> Iterator[str]:
    """What difference would have been found, where one could have been."""
    if effect.detectable < math.inf:
        yield (
            f"{effect.n:,} examples detect a difference of {effect.detectable:.3f} (with {percent(POWER)} power); "
            f"detecting {POINT:g} takes about {effect.needed:,}."
        )


def _multiplicity(found: Comparison, comparisons: int) -> str:
    """What the 95 % of the intervals cover, and why fewer variants count than were asked for."""
    cohort, counts = found.cohort, len(found.effects)
    kinds = []
    if counts > 1:
        kinds.append(f"{counts} distinct variants")
    if comparisons > 1:
        kinds.append(f"{comparisons} comparisons")
    text = f"95 % intervals, simultaneous over {listed(kinds)}" if kinds else "95 % intervals"
    alike = cohort.asked - cohort.idle - cohort.empty - len(cohort.variants)
    lineless = len(cohort.variants) - counts
    left = [
        f"{count} {why}"
        for count, why in (
            (cohort.idle, "identical to the base alone"),
            (cohort.empty, "without support in most of AXON's steps"),
            (alike, "identical to another variant"),
            (lineless, "without a line (a single setting, no range of NFE, or too few common examples)"),
        )
        if count
    ]
    uncounted = cohort.asked - counts
    without = (
        f"; {uncounted} of {counted(cohort.asked, 'variant')} not counted: {listed(left)}" if left else ""
    )
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
    # Whether an example is scored may depend on how it was answered: no bootstrap accounts for unscored ones.
    return (
        f" that are scored under all of these settings (the {rest:,} left out could change the difference by "
        f"{rest / found.n:.3f})"
    )


def rows(effect: Effect, name: str = "", axis: Axis = NFE) -> Iterator[Row]:
    """What is measured of an effect; of several in one table each with its name before it."""
    (lo, hi), saving, of, digits = effect.budgets, effect.saving, f"{name}: " if name else "", axis.digits
    for how, own in (("", effect), (", settings mixed", effect.mixed)):
        yield Row(
            f"{of}mean quality from {lo:,.{digits}f} to {hi:,.{digits}f} {axis.name}{how}",
            f"{own.base_quality:.3f}",
            f"{own.axon_quality:.3f}",
            signed(own.difference, 3),
        )
    if saving.quality > 0:
        yield Row(
            f"{of}{axis.name} at equal quality, {saving.quality:.3f}, settings mixed",
            f"{saving.base_cost:,.{digits}f}",
            f"{saving.axon_cost:,.{digits}f} ({reduction(saving.fraction)})",
            signed(saving.cost, digits),
        )
