"""What a cache does to the front: settings equal in everything but the cache, the trade-off parameter and the seed.

Whole passes (`cache=none`) are the base, every cache is a variant of it, and both are compared along each measure of
cost, as AXON is (see `effects`). Computed positions decide: a step under a cache is not a whole pass, so that NFE
compares what is decoded and not what it costs. Settings that decode alike stay apart here, since an exact cache saves
without changing a token. Intervals hold simultaneously for the caches of a comparison and all such comparisons of the
facet, on each axis by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.inputs.dotted import flatten
from pipeline.planning.setting import Setting
from pipeline.report.comparisons.axes import NFE, POSITIONS, SECONDS, Axis
from pipeline.report.comparisons.cohorts import Cohort, apart_by, as_key, make_side, trade_off_of
from pipeline.report.comparisons.comparison import ALPHA, INCONCLUSIVE
from pipeline.report.comparisons.effect import Effect
from pipeline.report.comparisons.effects import measure
from pipeline.report.statistics.sample import Sample
from pipeline.report.words.phrases import reduction, signed
from pipeline.report.words.told import Row, Verdict
from pipeline.report.words.verdict import (
    WHERE_MIXED,
    at_once,
    detects,
    level,
    too_far_apart,
    unknown_intervals,
)

WHOLE = "none"


DECIDING = POSITIONS
AXES = (DECIDING, SECONDS, NFE)


@dataclass(frozen=True)
class CacheEffect:
    """One cache against whole passes, with one decoder and one configuration of AXON."""

    side: str  # the decoder, and whether with AXON
    cache: str
    effects: Mapping[Axis, Effect]  # along each axis that is known


def compare_caches(settings: Sequence[Setting], points: pd.DataFrame, sample: Sample) -> list[CacheEffect]:
    """In the order of the settings; none where no cache has a line to compare with that of whole passes."""
    frames = [_frame(setting) for setting in settings]
    groups: dict[str, list[int]] = {}
    for row in np.flatnonzero(points["complete"]).tolist():
        groups.setdefault(as_key(frames[row]), []).append(row)
    several = [own for own in groups.values() if {WHOLE} < {settings[row].decode.cache for row in own}]
    found = []
    for own in several:
        alike = [
            frames[other[0]] for other in several if _called(settings[other[0]]) == _called(settings[own[0]])
        ]
        name, apart = _called(settings[own[0]]), apart_by(frames[own[0]], alike)
        side = f"{name} ({apart})" if apart else name
        found += list(_compared(side, own, settings, points, sample, len(several)))
    return found


def cache_verdicts(found: Sequence[CacheEffect]) -> list[Verdict]:
    return [_verdict(one) for one in found]


def _compared(
    side: str,
    own: Sequence[int],
    settings: Sequence[Setting],
    points: pd.DataFrame,
    sample: Sample,
    comparisons: int,
) -> Iterator[CacheEffect]:
    caches = dict.fromkeys([WHOLE, *(settings[row].decode.cache for row in own)])
    decodes = [
        (setting.id, f"{setting.decode.cache} {decode}")
        for setting, decode in zip(settings, points["decode"], strict=True)
    ]
    values = [as_key(trade_off_of(setting)) for setting in settings]
    sides = {
        cache: make_side([row for row in own if settings[row].decode.cache == cache], decodes, values)
        for cache in caches
    }
    base, *variants = sides.values()
    cohort = Cohort(side, "", base, tuple(variants), len(variants), idle=0, empty=0, rows=frozenset(own))
    effects: dict[str, dict[Axis, Effect]] = {}
    alpha = ALPHA / comparisons
    for axis in AXES:
        known = axis.cost in sample.every_cost and points.loc[list(own), axis.cost].notna().all()
        measured = measure(cohort, sample, axis.cost, comparisons) if known else None
        for effect in measured.effects(alpha, alpha) if measured else ():
            [cache] = [cache for cache, one in sides.items() if one is effect.variant]
            effects.setdefault(cache, {})[axis] = effect
    yield from (CacheEffect(side, cache, axes) for cache, axes in effects.items() if DECIDING in axes)


def _frame(setting: Setting) -> dict[str, object]:
    """What two settings must share to be compared: AXON, too."""
    apart = {"cache", "seed", setting.trade_off}
    return {key: value for key, value in flatten(setting.identity).items() if key not in apart}


def _called(setting: Setting) -> str:
    return f"{setting.decode.decoder.name} with AXON" if setting.uses_axon else setting.decode.decoder.name


def _verdict(found: CacheEffect) -> Verdict:
    effect = found.effects[DECIDING]
    gain, mixed = effect.difference, effect.mixed.difference
    where = f"the front of {found.side} against computed positions"
    changed = signed(gain, 3)
    if effect.higher:
        alone = "" if mixed.lo > 0 else f", not shown {WHERE_MIXED}"
        claim = f"Cache {found.cache} improves {where}{alone}: {changed} mean quality"
    elif effect.lower:
        alone = "" if mixed.hi < 0 else f", not shown {WHERE_MIXED}"
        claim = f"Cache {found.cache} lowers {where}{alone}: {changed} mean quality"
    else:
        claim = f"Effect of cache {found.cache} on {where}: {INCONCLUSIVE}, {changed} mean quality"
    caption = " ".join(_caption(found))
    return Verdict(
        short=f"{claim}. {WHERE_MIXED.capitalize()}: {signed(mixed, 3)}.",
        saved=_saved(found),
        evidence=f"{_measured(found)} {caption}",
        sides=("whole passes", f"cache {found.cache}"),
        rows=tuple(row for axis, own in found.effects.items() for row in _rows(axis, own)),
        caption=f"{found.side} on {effect.n:,} examples. {caption}",
    )


def _measured(found: CacheEffect) -> str:
    effect = found.effects[DECIDING]
    lo, hi = (f"{end:,.{DECIDING.digits}f}" for end in effect.budgets)
    return (
        f"From {lo} to {hi} {DECIDING.name} the mean quality is {effect.axon_quality:.3f} under cache {found.cache} "
        f"and {effect.base_quality:.3f} with whole passes, on {effect.n:,} examples."
    )


def _caption(found: CacheEffect) -> Iterator[str]:
    """What holds of the figures, and what difference would have been found where none was."""
    effect = found.effects[DECIDING]
    if effect.between_alone:
        yield too_far_apart(effect, "whole passes")
    elif not (effect.higher or effect.lower):
        yield from detects(effect)
    yield "95 % intervals, simultaneous over caches, on each axis by itself."
    for axis, own in found.effects.items():
        yield from unknown_intervals(own, axis.name)
    yield "A step under a cache is not a whole pass, so NFE is no measure of what a cache costs."
    if SECONDS in found.effects:
        yield (
            "Seconds are an equal share of a slice's, on a machine as busy as it was: their intervals are too narrow."
        )


def _saved(found: CacheEffect) -> str:
    saving = found.effects[DECIDING].saving
    if not saving.quality > 0:
        return (
            "At equal quality: unknown, because the two sides reach no common quality above "
            f"{saving.margin:.2g}."
        )
    parts = [f"{axis.name} {reduction(effect.saving.fraction)}" for axis, effect in found.effects.items()]
    below = "" if saving.holds else "; the best under the cache is lower than that of whole passes"
    fastest = at_once(saving, "the side of whole passes", f"cache {found.cache}")
    return f"At equal quality ({level(saving)}{below}), {WHERE_MIXED}: {'; '.join(parts)}{fastest}."


def _rows(axis: Axis, effect: Effect) -> Iterator[Row]:
    (lo, hi), saving, digits = effect.budgets, effect.saving, axis.digits
    yield Row(
        f"mean quality from {lo:,.{digits}f} to {hi:,.{digits}f} {axis.name}",
        f"{effect.base_quality:.3f}",
        f"{effect.axon_quality:.3f}",
        signed(effect.difference, 3),
    )
    if saving.quality > 0:
        yield Row(
            f"{axis.name} at equal quality, {saving.quality:.3f}, settings mixed",
            f"{saving.base_cost:,.{digits}f}",
            f"{saving.axon_cost:,.{digits}f} ({reduction(saving.fraction)})",
            signed(saving.cost, digits),
        )
