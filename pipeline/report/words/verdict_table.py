"""The verdicts' figures as a table, verdicts.csv: a row for every front that is compared with another."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from pipeline.report.comparisons.axes import NFE, Axis
from pipeline.report.comparisons.effect import Effect
from pipeline.report.facet import Facet
from pipeline.report.statistics.stats import Interval
from pipeline.report.words.phrases import variant_text
from pipeline.report.words.rivals import outcome


def verdict_table(facets: Sequence[Facet]) -> pd.DataFrame:
    """One row per facet and compared front: AXON's variants, each beside its base, then what `against` asks for.

    Intervals are those of the verdicts, which hold simultaneously over the fronts that one verdict compares, and over
    all verdicts of the kind. Budgets and what is spent are of `cost`: NFE, and for `against` computed positions, too,
    where NFE isn't all that steps cost. NaN: unknown. No row for pairs of settings where no front can be drawn.
    """
    return pd.DataFrame(
        [
            {
                **{"task": facet.task, "model": facet.model, "front": front, "against": against},
                "cost": axis.cost,
                **_figures(effect),
            }
            for facet in facets
            for front, against, axis, effect in _compared(facet)
        ]
    )


def _compared(facet: Facet) -> Iterator[tuple[str, str, Axis, Effect]]:
    for found in facet.comparisons:
        for effect in found.effects:
            variant = variant_text(facet.points, effect.variant, found.cohort.base)
            yield f"{found.cohort.name} with AXON ({variant})", f"{found.cohort.name} alone", NFE, effect
    for rivals in facet.rivals:
        for name, effect in rivals.effects:
            yield name, rivals.reference, rivals.axis, effect


def _figures(effect: Effect) -> dict[str, Any]:
    saving = effect.saving
    known = saving.quality > 0
    unknown = float("nan")
    return {
        "outcome": outcome(effect),
        "n": effect.n,
        "budgets_lo": effect.budgets[0],
        "budgets_hi": effect.budgets[1],
        "quality": effect.axon_quality,
        "against_quality": effect.base_quality,
        **_interval("difference", effect.difference),
        **_interval("at_own_settings", effect.at_own),
        **_interval("at_against_settings", effect.at_base),
        **_interval("mixed_difference", effect.mixed.difference),
        "equal_quality": saving.quality if known else unknown,
        "spent": saving.axon_cost if known else unknown,
        "against_spent": saving.base_cost if known else unknown,
        **_interval("saved", saving.fraction if known else Interval(unknown, unknown, unknown)),
        "settings_too_far_apart": "|".join(
            name
            for name, far in (
                ("difference", effect.between_alone),
                ("saved", effect.saved_between_alone),
            )
            if far
        ),
        "level": 1 - effect.alpha,
    }


def _interval(name: str, own: Interval) -> dict[str, float]:
    return {name: own.estimate, f"{name}_lo": own.lo, f"{name}_hi": own.hi}
