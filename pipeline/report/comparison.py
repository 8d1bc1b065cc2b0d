"""Does AXON move its base decoder's front? One comparison per cohort, all of them together right 95 times in 100.

All examples are used, and nothing is chosen before it is measured: max-T makes the intervals hold for all distinct
variants of a cohort at once, Holm for all cohorts (`multiplicity`). So whichever variant is spoken of, its interval
is as good as if it had been the only one. Each cohort's interval is shown at the level at which Holm decided it:
it leaves zero out exactly where the answer is yes or no.

How often this is wrong: `python benchmarks/verdict_calibration.py`; table in LOG.md.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from pipeline.report.cohorts import Cohort, cohorts
from pipeline.report.effects import MIN_EXAMPLES, Effect, Measured, measure
from pipeline.report.labels import Setting
from pipeline.report.multiplicity import holm_alphas
from pipeline.report.pairs import Matched, Pair, match
from pipeline.report.points import Outcomes
from pipeline.report.stats import LEVEL

ALPHA = 1 - LEVEL  # for all errors together
POWER = 0.8
POINT = 0.01  # a point of quality

YES, NO, CANT_TELL, NO_FRONT = "yes", "no", "can't tell", "not testable as a front"


@dataclass(frozen=True)
class Comparison:
    """One cohort's answer. `effects` where there are fronts to compare, else `pairs`; neither with too few examples."""

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
        """yes: some variant raises the front; no: all lower it, or none changes a decode."""
        if not self.cohort.variants:
            return NO if self.enough and not self.cohort.empty else CANT_TELL
        if not self.enough:
            return CANT_TELL
        if not self.effects:
            return NO_FRONT
        if self.leading.difference.lo > 0:
            return YES
        return NO if len(self.lowering) == len(self.effects) else CANT_TELL

    @property
    def leading(self) -> Effect:
        """The variant that gains most, for its spread; if it lowers the front, every other does too, or more."""
        return max(self.effects, key=lambda effect: effect.difference.estimate / effect.spread)

    @property
    def lowering(self) -> list[Effect]:
        return [effect for effect in self.effects if effect.difference.hi < 0]

    @property
    def detectable(self) -> float:
        """The smallest true difference that its examples would have told with probability POWER (leading variant)."""
        return (self.critical + float(norm.ppf(POWER))) * self.leading.spread

    @property
    def needed(self) -> int:
        """The examples it would take to tell a difference of a POINT."""
        return int(np.ceil(self.leading.n * (self.detectable / POINT) ** 2))


def compare(
    settings: Mapping[str, Setting], points: pd.DataFrame, found: Outcomes, trade_off: str | None
) -> list[Comparison]:
    """One comparison per cohort; `trade_off` is the only knob beside AXON's that may differ inside one."""
    own = cohorts(settings, points, trade_off)
    sizes = [_examples(cohort, found) for cohort in own]
    tests = [_tests(cohort, found) if n >= MIN_EXAMPLES else [] for cohort, n in zip(own, sizes, strict=True)]
    alphas = iter(holm_alphas([test.p for some in tests for test in some], ALPHA))
    with_front = sum(isinstance(test, Measured) for some in tests for test in some)
    return [
        _judged(cohort, n, some, [next(alphas) for _ in some], ALPHA / max(with_front, 1))
        for cohort, n, some in zip(own, sizes, tests, strict=True)
    ]


def _examples(cohort: Cohort, found: Outcomes) -> int:
    rows = [own for side in (cohort.base, *cohort.variants) for own in side.rows.values()]
    return int((~np.isnan(found.quality_SN[np.concatenate(rows)])).any(axis=0).sum())


def _tests(cohort: Cohort, found: Outcomes) -> Sequence[Measured | Matched]:
    if not cohort.variants:
        return []
    measured = measure(cohort, found)
    return [measured] if measured else match(cohort, found)


def _judged(
    cohort: Cohort, n: int, tests: Sequence[Measured | Matched], alphas: list[float], saving_alpha: float
) -> Comparison:
    pairs = [test.pair(a, ALPHA) for test, a in zip(tests, alphas, strict=True) if isinstance(test, Matched)]
    for test, alpha in zip(tests, alphas, strict=True):
        if isinstance(test, Measured):
            effects = tuple(test.effects(alpha, saving_alpha))
            return Comparison(cohort, n, test.gains.critical(alpha), effects)
    return Comparison(cohort, n, pairs=tuple(pairs))
