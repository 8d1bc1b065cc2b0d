"""What each variant of AXON does to its cohort's front: how much higher it lies, and how many steps it saves.

- Gain: mean height of the variant's line minus that of the base's (see `fronts`), over the budgets from where both
  have begun to where the slower of them ends. The budgets are fixed from all examples.
- Saving at equal quality: the difference in NFE where each line first reaches a common quality, MARGIN below the
  highest that both reach. That quality is recomputed in each replicate, since replicates differ mostly in how hard
  their examples are, which affects both sides alike. (If it is fixed beforehand, so many replicates never reach it
  that more than three in four intervals are unbounded: LOG.md, 2026-11-25.)

Both along one measure of cost, NFE unless told; and not of AXON alone: `caches` measures what a cache does.

Shapes: B replicates, of which row 0 is the estimate; V variants.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.report.cohorts import Cohort, Side
from pipeline.report.fronts import first_reach, mean_height, mixes
from pipeline.report.multiplicity import MaxT, max_t, simultaneous_percentiles
from pipeline.report.replicates import Replicates, replicate
from pipeline.report.sample import Sample
from pipeline.report.stats import Floats, Interval

MARGIN = 0.01  # a quality lower by no more than this counts as equal
MIN_EXAMPLES = 10  # with fewer, nothing is concluded


@dataclass(frozen=True)
class Line:
    """A variant's line and the base's, per replicate."""

    variant: Side
    n: int  # examples scored under all settings of both
    budgets: tuple[float, float]
    base_height_B: Floats
    axon_height_B: Floats
    quality_B: Floats  # the common one, and the cost at which each reaches it
    base_cost_B: Floats
    axon_cost_B: Floats
    holds: bool  # whether the variant's best quality is at most MARGIN below the base's
    at_once: tuple[bool, bool]  # whether the base, and the variant, reach it with their fastest setting
    discordance: float
    mixed: float


@dataclass(frozen=True)
class Saving:
    """Cost saved where both lines first reach `quality`."""

    quality: float
    base_cost: float
    axon_cost: float
    fraction: Interval  # 1 - axon_cost / base_cost
    cost: Interval  # axon_cost - base_cost
    holds: bool
    at_once: tuple[bool, bool]  # base, AXON: with the fastest setting, so that it depends on what was swept


@dataclass(frozen=True)
class Effect:
    """One variant against the base. Intervals of a kind hold simultaneously for all variants of the cohort."""

    variant: Side
    n: int
    budgets: tuple[float, float]
    base_quality: float  # mean heights over the budgets
    axon_quality: float
    difference: Interval  # axon - base
    spread: float  # its bootstrap standard deviation
    saving: Saving
    discordance: (
        float  # fraction of examples that score differently at an equal trade-off value; NaN: none is shared
    )
    mixed: float  # the difference between what mixes of any two settings of a side achieve (fronts.mixes)


@dataclass(frozen=True)
class Measured:
    """A cohort's effects before they are judged, which requires a level."""

    lines: tuple[Line, ...]
    gains: MaxT

    @property
    def p(self) -> float:
        return self.gains.p

    def effects(self, alpha: float, saving_alpha: float) -> list[Effect]:
        """Gains with intervals at 1 - alpha, savings at 1 - saving_alpha."""
        gains, savings = self.gains.intervals(alpha), self._savings(saving_alpha)
        return [
            Effect(
                line.variant,
                line.n,
                line.budgets,
                float(line.base_height_B[0]),
                float(line.axon_height_B[0]),
                gains[v],
                float(self.gains.spread_V[v]),
                savings[v],
                line.discordance,
                line.mixed,
            )
            for v, line in enumerate(self.lines)
        ]

    def _savings(self, alpha: float) -> list[Saving]:
        fraction_BV = np.array([1 - line.axon_cost_B / line.base_cost_B for line in self.lines]).T
        cost_BV = np.array([line.axon_cost_B - line.base_cost_B for line in self.lines]).T
        fractions, costs = (
            simultaneous_percentiles(own_BV[0], own_BV[1:], alpha) for own_BV in (fraction_BV, cost_BV)
        )
        return [
            Saving(
                float(line.quality_B[0]),
                float(line.base_cost_B[0]),
                float(line.axon_cost_B[0]),
                fractions[v],
                costs[v],
                line.holds,
                line.at_once,
            )
            for v, line in enumerate(self.lines)
        ]


def measure(cohort: Cohort, sample: Sample, cost: str = "nfe") -> Measured | None:
    """Along that measure of cost.

    None where the base or every variant is not a line: two distinct settings, budgets between them, and examples
    that all their settings have.
    """
    drawn = replicate(cohort, sample, cost)
    lines = [_line(variant, cohort.base, drawn.common(cohort.base, variant)) for variant in cohort.variants]
    kept = tuple(line for line in lines if line)
    if not kept:
        return None
    gain_BV = np.array([line.axon_height_B - line.base_height_B for line in kept]).T
    # Where hardly any example differs, the bootstrap is overconfident: at least one more might have.
    least_spread = 1 / min(line.n for line in kept)
    return Measured(kept, max_t(gain_BV[0], gain_BV[1:], least_spread))


def _line(variant: Side, base: Side, drawn: Replicates) -> Line | None:
    if drawn.n < MIN_EXAMPLES:
        return None
    base_q, base_cost = drawn.of(base)
    axon_q, axon_cost = drawn.of(variant)
    lo = float(max(base_cost[0].min(), axon_cost[0].min()))
    hi = float(max(base_cost[0].max(), axon_cost[0].max()))
    if min(len(base.rows), len(variant.rows)) < 2 or not lo < hi:
        return None
    best_base, best_axon = np.nanmax(base_q, axis=1), np.nanmax(axon_q, axis=1)
    common_B = np.minimum(best_base, best_axon) - MARGIN
    base_first_B, axon_first_B = (
        first_reach(own_q, own_cost, common_B)
        for own_q, own_cost in ((base_q, base_cost), (axon_q, axon_cost))
    )
    return Line(
        variant,
        drawn.n,
        (lo, hi),
        mean_height(base_q, base_cost, lo, hi),
        mean_height(axon_q, axon_cost, lo, hi),
        common_B,
        base_first_B,
        axon_first_B,
        bool(best_axon[0] >= best_base[0] - MARGIN),
        (bool(base_first_B[0] <= base_cost[0].min()), bool(axon_first_B[0] <= axon_cost[0].min())),
        _discordance(variant, base, drawn),
        _mixed(axon_q[0], axon_cost[0], lo, hi) - _mixed(base_q[0], base_cost[0], lo, hi),
    )


def _mixed(quality_F: Floats, cost_F: Floats, lo: float, hi: float) -> float:
    corners = mixes(quality_F[None], cost_F[None])
    return float(mean_height(quality_F[corners], cost_F[corners], lo, hi)[0])


def _discordance(variant: Side, base: Side, drawn: Replicates) -> float:
    """The fraction of common examples whose score differs; mean over the trade-off values that both sides have."""
    matched = [
        (drawn.place[base.by_trade_off[value]], drawn.place[own])
        for value, own in variant.by_trade_off.items()
        if value in base.by_trade_off
    ]
    differs = [drawn.quality_KN[a] - drawn.quality_KN[b] for b, a in matched]
    fractions = [np.mean(own[~np.isnan(own)] != 0) for own in differs if not np.isnan(own).all()]
    return float(np.mean(fractions)) if fractions else float("nan")
