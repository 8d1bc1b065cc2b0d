"""What each variant of AXON does to its cohort's front: how much higher it lies, and how many steps it saves.

- Gain: mean height of the variant's line minus that of the base's (see `fronts`), over the budgets from where both
  have begun to where the slower of them ends. The budgets are fixed from all examples.
- The same at the settings of one side alone, against the other's line (why: effect.py).
- Gain once more where each side may mix its settings (see `mixes`).
- Saving at equal quality: the difference in NFE where the mixes of each side first reach a common quality, a margin
  below the highest that both reach. That quality is recomputed in each replicate, since replicates differ mostly in
  how hard their examples are, which affects both sides alike. (If it is fixed beforehand, so many replicates never
  reach it that more than three in four intervals are unbounded: LOG.md, 2026-11-25.) Of mixes alone: they rise and
  never fall, so that a quality is reached at one NFE, and no cheaper by any mix. Where a line through all settings
  reaches it first is chosen, too, by luck: unallowed for, 7 to 12 % false savings (25 settings against 3).

Choosing mixes on the examples that measure them flatters the side that has more to choose from, so each end moves by
how much it flatters the side that would profit: of a gain once, since its interval is the bootstrap's spread around the
estimate; of a saving twice, since the bootstrap's percentiles are flattered once more than the estimate. (Without it 16
to 26 % of sweeps whose variants are as good as the base, with 25 settings against its 3, show a gain, with it 2 to 4 %:
LOG.md, 2026-11-26.)

Source of three answers: Hanley and Lippman-Hand, JAMA 249 (1983) 1743, the rule of three.

All along one measure of cost, NFE unless told; and not of AXON alone: `caches` measures what a cache does.

Shapes: B replicates, of which row 0 is the estimate; V variants.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from pipeline.report.comparisons.cohorts import Cohort, Side
from pipeline.report.comparisons.effect import POWER, Effect, Mixed
from pipeline.report.comparisons.replicates import Block, Replicates, replicate
from pipeline.report.statistics.fronts import Line, by_rising_nfe, gain_at_settings, mean_height
from pipeline.report.statistics.mixes import Mixes, mixes
from pipeline.report.statistics.multiplicity import MaxT, max_t
from pipeline.report.statistics.reach import Flattered, Reach, Saving, falls_short, reach, saved
from pipeline.report.statistics.sample import Sample
from pipeline.report.statistics.stats import UNKNOWN, Floats, Interval, replicates_for

MARGIN = 0.01  # a quality lower by no more than this counts as equal,
ANSWERS = 3  # and by no more than so many: of n examples that show no difference, 3 in n aren't ruled out
MIN_EXAMPLES = 10  # with fewer, nothing is concluded


@dataclass(frozen=True)
class Compared:
    """A variant beside the base, per replicate."""

    variant: Side
    n: int  # examples scored under all settings of both
    budgets: tuple[float, float]
    margin: float
    quality_B: Floats  # the common one
    base_height_B: Floats  # mean heights of the lines over the budgets
    axon_height_B: Floats
    at_base_B: Floats  # the gain at the base's settings alone; NaN where the budgets hold none
    at_own_B: Floats  # and at the variant's
    mixed: Reach
    seen: Reach  # what the mixes of `mixed` reach by the settings' qualities in the sample
    holds: bool
    at_once: tuple[bool, bool]
    after: tuple[float, float]
    discordance: float

    @property
    def gain_B(self) -> Floats:
        return self.axon_height_B - self.base_height_B

    @property
    def flattered(self) -> Flattered:
        return self.mixed.beyond(self.seen)


@dataclass(frozen=True)
class Measured:
    """A cohort's effects before they are judged, which requires a level."""

    base: Side
    lines: tuple[Compared, ...]
    gains: MaxT
    mixed_gains: MaxT
    least_spread: float

    @property
    def p(self) -> float:
        return self.gains.p

    def effects(self, alpha: float, further_alpha: float) -> list[Effect]:
        """Gains with intervals at 1 - alpha; those where settings are mixed, and savings, at 1 - further_alpha."""
        gains, critical = self.gains.intervals(alpha), self.gains.critical(alpha)
        mixed, savings = self._mixed(further_alpha), self._savings(further_alpha)
        at_base = self._simultaneous([line.at_base_B for line in self.lines], alpha)
        at_own = self._simultaneous([line.at_own_B for line in self.lines], alpha)
        return [
            Effect(
                line.variant,
                line.n,
                line.budgets,
                float(line.base_height_B[0]),
                float(line.axon_height_B[0]),
                gains[v],
                at_base[v],
                at_own[v],
                float(self.gains.spread_V[v]),
                mixed[v],
                savings[v],
                line.discordance,
                (critical + float(ndtri(POWER))) * float(self.gains.spread_V[v]),
                line.variant.by_trade_off.keys() == self.base.by_trade_off.keys(),
                alpha,
                further_alpha,
            )
            for v, line in enumerate(self.lines)
        ]

    def _simultaneous(self, gains: Sequence[Floats], alpha: float) -> list[Interval]:
        known = [gain_B for gain_B in gains if not np.isnan(gain_B[0])]
        found = iter(_max_t(known, self.least_spread).intervals(alpha) if known else ())
        return [UNKNOWN if np.isnan(gain_B[0]) else next(found) for gain_B in gains]

    def _mixed(self, alpha: float) -> list[Mixed]:
        found = []
        for line, gain in zip(self.lines, self.mixed_gains.intervals(alpha), strict=True):
            up = line.flattered
            gain = gain._replace(lo=gain.lo - up.axon_height, hi=gain.hi + up.base_height)
            base, axon = (float(own_B[0]) for own_B in line.mixed[:2])
            found.append(Mixed(base, axon, gain))
        return found

    def _savings(self, alpha: float) -> list[Saving]:
        drawn = saved([line.mixed for line in self.lines], alpha)
        found = []
        for line, (fraction, cost) in zip(self.lines, drawn, strict=True):
            up = line.flattered
            fraction = fraction._replace(
                lo=1 - (1 - fraction.lo) * up.axon_times**2,
                hi=1 - (1 - fraction.hi) / up.base_times**2,
            )
            cost = cost._replace(lo=cost.lo - 2 * up.base_cost, hi=cost.hi + 2 * up.axon_cost)
            quality, base, axon = (
                float(own_B[0]) for own_B in (line.quality_B, line.mixed.base_cost_B, line.mixed.axon_cost_B)
            )
            told = line.holds, line.at_once, line.after
            found.append(Saving(quality, line.margin, base, axon, fraction, cost, *told))
        return found


def measure(cohort: Cohort, sample: Sample, cost: str = "nfe", comparisons: int = 1) -> Measured | None:
    """Along that measure of cost; `comparisons`: among how many this is one.

    None where the base or every variant is not a line: two distinct settings, budgets between them, and examples
    that all their settings have.
    """
    drawn = replicate(cohort, sample, cost, replicates_for(comparisons))
    alike: dict[bytes, list[Side]] = {}  # variants that have the same examples in common with the base
    for variant in cohort.variants:
        alike.setdefault(drawn.common(cohort.base, variant).tobytes(), []).append(variant)
    lines: dict[int, Compared] = {}
    for common, own in alike.items():
        known_N = np.frombuffer(common, dtype=np.bool_)
        lines |= _lines(own, cohort.base, drawn.on(known_N))
    kept = tuple(lines[id(variant)] for variant in cohort.variants if id(variant) in lines)
    if not kept:
        return None
    # Where hardly any example differs, the bootstrap is overconfident: at least one more might have.
    least_spread = 1 / min(line.n for line in kept)
    return Measured(
        cohort.base,
        kept,
        _max_t([line.gain_B for line in kept], least_spread),
        _max_t([line.mixed.gain_B for line in kept], least_spread),
        least_spread,
    )


def margin(n: int) -> float:
    """How much lower a quality on n examples may be and still count as equal."""
    return max(MARGIN, ANSWERS / n)


def below(best: Floats, least: float) -> Floats:
    """A quality so much lower, rounded as means are (resampling.ratio): 0.4 - 0.1 would be a little more than 0.3."""
    lower: Floats = np.round(best - least, 12)
    return lower


def _max_t(gains: Sequence[Floats], least_spread: float) -> MaxT:
    gain_BV = np.array(gains).T
    return max_t(gain_BV[0], gain_BV[1:], least_spread)


def _lines(variants: Sequence[Side], base: Side, drawn: Replicates) -> dict[int, Compared]:
    """By the identity of each variant, without those that are no line."""
    if drawn.n < MIN_EXAMPLES or len(base.rows) < 2:
        return {}
    several = [variant for variant in variants if len(variant.rows) > 1]
    discordances = {id(variant): _discordance(variant, base, drawn) for variant in several}
    found: dict[int, list[Compared]] = {id(variant): [] for variant in several}
    for block in drawn.blocks([base, *several]):
        base_ways = _ways(block, base)
        for variant in several:
            line = _line(variant, base_ways, _ways(block, variant), drawn.n, discordances[id(variant)])
            if line:
                found[id(variant)].append(line)
    return {key: _joined(parts) for key, parts in found.items() if parts}


def _ways(block: Block, side: Side) -> tuple[Line, Mixes]:
    """What a side achieves, per replicate."""
    quality_BF, cost_BF = block.of(side)
    return by_rising_nfe(quality_BF, cost_BF), mixes(quality_BF, cost_BF, quality_BF[0])


def _joined(parts: Sequence[Compared]) -> Compared:
    """Of blocks of replicates, each of which has the estimate in its row 0: of all their replicates."""

    def all_of(own: Iterable[Floats]) -> Floats:
        first, *rest = own
        return np.concatenate([first, *(more_B[1:] for more_B in rest)])

    def reached(own: Sequence[Reach]) -> Reach:
        return Reach(*map(all_of, zip(*own, strict=True)))

    return replace(
        parts[0],
        quality_B=all_of(part.quality_B for part in parts),
        base_height_B=all_of(part.base_height_B for part in parts),
        axon_height_B=all_of(part.axon_height_B for part in parts),
        at_base_B=all_of(part.at_base_B for part in parts),
        at_own_B=all_of(part.at_own_B for part in parts),
        mixed=reached([part.mixed for part in parts]),
        seen=reached([part.seen for part in parts]),
    )


def _line(
    variant: Side, base_ways: tuple[Line, Mixes], ways: tuple[Line, Mixes], n: int, discordance: float
) -> Compared | None:
    (base_line, base_mixes), (axon_line, axon_mixes) = base_ways, ways
    lines = base_line, axon_line
    lo, hi = (max(float(nfe_BF[0, end]) for _, nfe_BF in lines) for end in (0, -1))
    if not lo < hi:
        return None
    budgets, least = (lo, hi), margin(n)
    best_base, best_axon = (quality_BF.max(axis=1) for quality_BF, _ in lines)
    common_B = below(np.minimum(best_base, best_axon), least)
    mixed = reach(base_mixes.line, axon_mixes.line, budgets, common_B)
    seen = reach(base_mixes.seen, axon_mixes.seen, budgets, common_B)
    return Compared(
        variant,
        n,
        budgets,
        least,
        common_B,
        mean_height(base_line, *budgets),
        mean_height(axon_line, *budgets),
        -gain_at_settings(base_line, axon_line, *budgets),
        gain_at_settings(axon_line, base_line, *budgets),
        mixed,
        seen,
        bool(best_axon[0] >= below(best_base[0], least)),
        (
            bool(mixed.base_cost_B[0] <= base_line[1][0, 0]),
            bool(mixed.axon_cost_B[0] <= axon_line[1][0, 0]),
        ),
        (
            falls_short(base_line, common_B, mixed.base_cost_B),
            falls_short(axon_line, common_B, mixed.axon_cost_B),
        ),
        discordance,
    )


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
