"""Does AXON move its base decoder's Pareto front? One comparison per cohort, with a family-wise error rate of 5 %.

All examples are used, and nothing is selected before it is measured: max-T makes the intervals hold simultaneously
for all distinct variants of a cohort, Holm for all cohorts of the report (`multiplicity`). So the interval of
whichever variant is reported is as valid as if it had been the only one. Each cohort's interval is shown at the level
at which Holm decided it: it excludes zero where the outcome is yes or no, and otherwise only where the settings are too
far apart to tell (`effect`). Whether the outcome is shown also where settings are mixed is a second question, asked for
all cohorts at once (Bonferroni), as savings are.

Error rates: `python benchmarks/verdict_calibration.py`; the table is in LOG.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.planning.setting import Setting
from pipeline.report.comparisons.cohorts import Cohort, cohorts
from pipeline.report.comparisons.effect import Effect
from pipeline.report.comparisons.effects import MIN_EXAMPLES, Measured, measure
from pipeline.report.comparisons.pairs import Matched, Pair, match
from pipeline.report.statistics import stats
from pipeline.report.statistics.multiplicity import holm_alphas, holm_p
from pipeline.report.statistics.sample import Sample

ALPHA = stats.ALPHA  # for all errors together

YES, NO, INCONCLUSIVE, NO_FRONT = "yes", "no", "inconclusive", "not testable as a front"


@dataclass(frozen=True)
class Evidence:
    """The settings of one facet, their points, a row each, and the outcomes of their examples."""

    settings: Sequence[Setting]
    points: pd.DataFrame
    sample: Sample


@dataclass(frozen=True)
class Comparison:
    """The result of one cohort: `effects` where there are fronts to compare, otherwise `pairs`; neither where there
    are too few examples.
    """

    cohort: Cohort
    n: int
    critical: float = (
        math.nan
    )  # how many spreads a difference had to exceed, at the level at which Holm decided
    effects: tuple[Effect, ...] = ()
    pairs: tuple[Pair, ...] = ()

    @property
    def enough(self) -> bool:
        return self.n >= MIN_EXAMPLES

    @property
    def outcome(self) -> str:
        """yes: some variant's front lies higher; no: all lie lower (see `effect`), or none changes a decode."""
        if not self.cohort.variants:
            return NO if self.enough and not self.cohort.empty else INCONCLUSIVE
        if not self.enough:
            return INCONCLUSIVE
        if not self.effects:
            return NO_FRONT
        if self.leading.higher:
            return YES
        return NO if len(self.lowering) == len(self.effects) else INCONCLUSIVE

    @property
    def leading(self) -> Effect:
        """The variant with the largest gain relative to its spread.

        One that improves the front, and one that does also where settings are mixed, comes before all that don't:
        intervals hold for all.
        """

        def rank(effect: Effect) -> tuple[bool, bool, float]:
            both = effect.higher and effect.mixed.difference.lo > 0
            return both, effect.higher, effect.difference.estimate / effect.spread

        return max(self.effects, key=rank)

    @property
    def too_far_apart(self) -> Effect | None:
        """The variant whose settings lie too far apart for an outcome that its line would have had."""
        if self.outcome != INCONCLUSIVE or not self.effects:
            return None
        if self.leading.between_alone:
            return self.leading
        return next((own for own in self.effects if own.between_alone and self.leading.lower), None)

    @property
    def mixed(self) -> bool:
        """Whether the outcome, yes or no, is shown also where settings are mixed."""
        if self.outcome == YES:
            return self.leading.mixed.difference.lo > 0
        return all(effect.mixed.difference.hi < 0 for effect in self.effects)

    @property
    def lowering(self) -> list[Effect]:
        return [effect for effect in self.effects if effect.lower]


def compare(facets: Sequence[Evidence]) -> list[list[Comparison]]:
    """Per facet one comparison per cohort; the error rate is controlled over all of them."""
    own = [
        (number, cohort, facet.sample)
        for number, facet in enumerate(facets)
        for cohort in cohorts(facet.settings, facet.points)
    ]
    sizes = [_examples(cohort, sample) for _, cohort, sample in own]
    enough = [one[1:] if n >= MIN_EXAMPLES else None for one, n in zip(own, sizes, strict=True)]
    tests = [_tests(*one) if one else [] for one in enough]
    count = sum(map(len, tests))
    if stats.replicates_for(count) != stats.REPLICATES:  # Holm's levels are too strict for the usual ones
        tests = [_tests(*one, count) if one else [] for one in enough]
    p_K = [test.p for some in tests for test in some]
    decided = zip(holm_alphas(p_K, ALPHA), holm_p(p_K), strict=True)
    with_front = sum(isinstance(test, Measured) for some in tests for test in some)
    found: list[list[Comparison]] = [[] for _ in facets]
    for (number, cohort, _), n, some in zip(own, sizes, tests, strict=True):
        levels = [next(decided) for _ in some]
        found[number].append(_judged(cohort, n, some, levels, ALPHA / max(with_front, 1)))
    return found


def _examples(cohort: Cohort, sample: Sample) -> int:
    rows = [own for side in (cohort.base, *cohort.variants) for own in side.rows.values()]
    return int((~np.isnan(sample.quality_SN[np.concatenate(rows)])).any(axis=0).sum())


def _tests(cohort: Cohort, sample: Sample, comparisons: int = 1) -> Sequence[Measured | Matched]:
    if not cohort.variants:
        return []
    measured = measure(cohort, sample, comparisons=comparisons)
    return [measured] if measured else match(cohort, sample, comparisons)


def _judged(
    cohort: Cohort,
    n: int,
    tests: Sequence[Measured | Matched],
    decided: Sequence[tuple[float, float]],
    saving_alpha: float,
) -> Comparison:
    """`decided`: of each test the level and the adjusted p-value."""
    pairs = [test.pair(*own) for test, own in zip(tests, decided, strict=True) if isinstance(test, Matched)]
    for test, (alpha, _) in zip(tests, decided, strict=True):
        if isinstance(test, Measured):
            effects = tuple(test.effects(alpha, saving_alpha))
            return Comparison(cohort, n, test.gains.critical(alpha), effects)
    return Comparison(cohort, n, pairs=tuple(pairs))
