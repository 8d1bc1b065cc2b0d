"""What one variant does to its base's front, judged: whether it lies higher, lower, or neither is shown.

A front that bends lies off the straight line between two settings. Where both sides have settings at the same values of
the trade-off parameter their lines miss it alike. Otherwise the line of fewer settings lies lower than that of more: of
decoders on one concave curve two settings give 8 points less than five, on any number of examples
(`python benchmarks/rival_calibration.py`; LOG.md, 2026-11-28). So a front then lies lower only if it does at its own
settings, too, and higher only if it does at the other's: the straight line that they are compared with is reached by
mixes of the settings at its ends.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.report.comparisons.cohorts import Side
from pipeline.report.statistics.reach import Saving
from pipeline.report.statistics.stats import Interval

POWER = 0.8
POINT = 0.01  # one percentage point of quality


@dataclass(frozen=True)
class Mixed:
    """What a gain is where each side may mix its settings. Intervals hold simultaneously for all variants."""

    base_quality: float  # mean heights over the budgets
    axon_quality: float
    difference: Interval  # axon - base


@dataclass(frozen=True)
class Effect:
    """One variant against the base. Intervals of a kind hold simultaneously for all variants of the cohort."""

    variant: Side
    n: int
    budgets: tuple[float, float]
    base_quality: float  # mean heights over the budgets
    axon_quality: float
    difference: Interval  # axon - base
    at_base: Interval  # the same at the base's settings alone: between them it may lie higher than its line
    at_own: Interval  # and at the variant's own
    spread: float  # its bootstrap standard deviation
    mixed: Mixed
    saving: Saving  # by mixes
    # Fraction of examples that score differently at an equal trade-off value; NaN: none is shared.
    discordance: float
    detectable: float  # the smallest true difference that these examples detect with probability POWER
    same_values: bool  # both sides have settings at the same trade-off values, so that neither is of fewer
    alpha: float  # 1 - the level of the difference,
    further_alpha: float  # and of what is mixed and saved

    @property
    def higher(self) -> bool:
        return self.difference.lo > 0 and (self.same_values or self.at_base.lo > 0)

    @property
    def lower(self) -> bool:
        return self.difference.hi < 0 and (self.same_values or self.at_own.hi < 0)

    @property
    def between_alone(self) -> bool:
        """Whether the lines differ, which the settings alone don't show."""
        _, lo, hi = self.difference
        return (lo > 0 or hi < 0) and not (self.higher or self.lower)

    @property
    def saved_between_alone(self) -> bool:
        """The same of the saving: whether the settings leave open which side takes less."""
        return self.saving.open and not self.same_values

    @property
    def needed(self) -> int:
        """How many examples it takes to detect a difference of one POINT."""
        return int(np.ceil(self.n * (self.detectable / POINT) ** 2))
