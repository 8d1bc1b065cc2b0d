"""What mixes of two sides reach, base and variant: how high they lie over budgets, at which cost a common quality.

Shapes: B replicates, of which row 0 is the estimate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.report.statistics.fronts import Line, mean_height, reach_or_highest
from pipeline.report.statistics.multiplicity import simultaneous_percentiles
from pipeline.report.statistics.stats import Floats, Interval


class Reach(NamedTuple):
    """Per replicate: mean heights over budgets, and the costs at which each side reaches the common quality."""

    base_height_B: Floats
    axon_height_B: Floats
    base_cost_B: Floats
    axon_cost_B: Floats

    @property
    def gain_B(self) -> Floats:
        return self.axon_height_B - self.base_height_B

    def beyond(self, seen: "Reach") -> "Flattered":
        """By how much this looks better than `seen`, the same mixes by the settings' qualities in the sample."""
        pairs = [(own[1:], other[1:]) for own, other in zip(self, seen, strict=True)]
        with np.errstate(invalid="ignore", divide="ignore"):  # replicates without a scored example
            return Flattered(
                *(max(_mean(own - other), 0.0) for own, other in pairs[:2]),
                *(max(_mean(other - own), 0.0) for own, other in pairs[2:]),
                *(max(_mean(other / own), 1.0) for own, other in pairs[2:]),
            )


class Flattered(NamedTuple):
    """How much better the two sides look than they are: heights are higher, costs lower, and in truth times as high."""

    base_height: float
    axon_height: float
    base_cost: float
    axon_cost: float
    base_times: float
    axon_times: float


@dataclass(frozen=True)
class Saving:
    """Cost saved where both sides first reach `quality`."""

    quality: float
    margin: float  # how far below the highest quality that both reach (effects.py)
    base_cost: float
    axon_cost: float
    fraction: Interval  # 1 - axon_cost / base_cost
    cost: Interval  # axon_cost - base_cost
    holds: bool  # whether the variant's best quality is at most the margin below the base's
    at_once: tuple[bool, bool]  # base, AXON: with the fastest setting, so that it depends on what was swept
    # Base, AXON: the cost of the slowest setting before that falls short; 0: none does.
    after: tuple[float, float]

    @property
    def open(self) -> bool:
        """Whether the side that takes more, as its interval has it, may take no more somewhere between its settings."""
        base, axon = self.after
        saves, costs = self.fraction.lo > 0, self.fraction.hi < 0
        return (saves and base < self.axon_cost) or (costs and axon < self.base_cost)


def reach(base: Line, axon: Line, budgets: tuple[float, float], level_B: Floats) -> Reach:
    """Of two lines; one that never reaches the level counts where it is highest."""
    lines = base, axon
    return Reach(
        *(mean_height(line, *budgets) for line in lines),
        *(reach_or_highest(line, level_B) for line in lines),
    )


def falls_short(line: Line, level_B: Floats, cost_B: Floats) -> float:
    """In the sample the cost of the slowest setting before that cost which is below the level; 0 where none is."""
    quality_F, nfe_F = (own_BF[0] for own_BF in line)
    return float(nfe_F[(quality_F < level_B[0]) & (nfe_F < cost_B[0])].max(initial=0.0))


def saved(reaches: Sequence[Reach], alpha: float) -> list[tuple[Interval, Interval]]:
    """Of each variant the fraction of the base's cost that it saves, and the difference of the costs."""
    fraction_BV = np.array([1 - own.axon_cost_B / own.base_cost_B for own in reaches]).T
    cost_BV = np.array([own.axon_cost_B - own.base_cost_B for own in reaches]).T
    fractions, costs = (
        simultaneous_percentiles(own_BV[0], own_BV[1:], alpha) for own_BV in (fraction_BV, cost_BV)
    )
    return list(zip(fractions, costs, strict=True))


def _mean(values_B: Floats) -> float:
    """Over the replicates that reach the quality."""
    known_B = np.isfinite(values_B)
    return float(values_B[known_B].mean()) if known_B.any() else 0.0
