"""Does AXON move its base decoder's front? Chosen on one half of the examples, answered on the other half.

Three things would flatter one side: quoting the best of many settings on the very examples it was picked by; a
finer grid of settings, which alone gives a front more area; and reaching budgets the other side was never run at.
So the comparison is split, matched and kept to common ground:

- An AXON *variant* is one way of setting AXON (anchors, gate, layers, ...). It is compared at exactly the base
  settings it was run with: all but AXON equal, as many points on either side, and no choosing among them.
- The examples are halved by their place in the shared shuffled order. On the even ones the variant with the
  largest gain is chosen; on the odd ones its gain is measured, with a paired bootstrap (both sides resampled
  together).
- Gain: how much higher the line through the variant's settings runs than the line through the base settings,
  over the budgets (NFE) that lie between the fastest and the slowest setting of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.report import stats
from pipeline.report.labels import Setting, agrees, axon_key, base_key, decoder_name, uses_axon
from pipeline.report.pareto import mean_quality_between
from pipeline.report.points import Outcomes
from pipeline.report.stats import Floats, Interval, PairedDifference, percentile_interval

QUALITY_MARGIN = 0.01  # "as good as the best base setting" allows this much below it
MIN_EXAMPLES = 10  # in each half; below it no answer is ventured

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Pick:
    """The fastest base and AXON setting that hold the base decoder's best quality on the choosing half."""

    base: int  # row of the points
    axon: int
    base_quality: float  # the rest on the reporting half
    base_nfe: float
    axon_quality: float
    axon_nfe: float
    quality: PairedDifference  # AXON - base
    nfe: PairedDifference
    holds: bool  # whether an AXON setting held that quality there; if not, its best one stands in


@dataclass(frozen=True)
class Comparison:
    """One decoder alone against its best AXON variant; qualities: means over the budgets, reporting half."""

    decoder: str
    variants: int
    base: Indices  # rows of the points: the matched settings,
    axon: Indices  # and the chosen variant's, in the same order
    chosen_on: int
    reported_on: int
    budgets: tuple[float, float]
    base_quality: float
    axon_quality: float
    difference: Interval  # AXON - base
    pick: Pick | None  # None when a half holds too few examples to tell

    @property
    def has_front(self) -> bool:
        """Whether both sides are lines over common budgets, rather than single settings or lines apart."""
        return self.budgets[0] < self.budgets[1]

    @property
    def answer(self) -> str:
        if self.pick is None or not self.has_front or self.difference.covers_zero:
            return "not distinguishable"
        return "yes" if self.difference.estimate > 0 else "no"


def compare(settings: Mapping[str, Setting], points: pd.DataFrame, found: Outcomes) -> list[Comparison]:
    """One comparison for each base decoder that has AXON variants with matching base settings."""
    decoders = dict.fromkeys(decoder_name(setting) for setting in settings.values())
    matches = {decoder: _variants(decoder, settings, points) for decoder in decoders}
    return [_compare(decoder, pairs, found) for decoder, pairs in matches.items() if pairs]


def _variants(
    decoder: str, settings: Mapping[str, Setting], points: pd.DataFrame
) -> list[tuple[Indices, Indices]]:
    """Per variant its (base rows, AXON rows), matched; only the variants with the most matches compete."""
    base: dict[str, list[int]] = {}
    pairs: dict[str, list[tuple[int, int]]] = {}
    whole = list(settings.values())
    own = [row for row in np.flatnonzero(points["complete"]) if decoder_name(whole[row]) == decoder]
    for row in own:
        if not uses_axon(whole[row]):
            base.setdefault(base_key(whole[row]), []).append(int(row))
    for row in own:
        if uses_axon(whole[row]) and base_key(whole[row]) in base:
            # A base decoder that reads attention has layers too: the one with the same layers, where there is one.
            match = max(base[base_key(whole[row])], key=lambda b: agrees(whole[b], whole[row]))
            pairs.setdefault(axon_key(whole[row]), []).append((match, int(row)))
    most = max((len(own) for own in pairs.values()), default=0)
    columns = [np.array(sorted(own), dtype=np.intp).T for own in pairs.values() if len(own) == most]
    return [(base_rows, axon_rows) for base_rows, axon_rows in columns]


def _compare(decoder: str, variants: list[tuple[Indices, Indices]], found: Outcomes) -> Comparison:
    choosing = found.position_N % 2 == 0
    quality_S, nfe_S = stats.means(found.quality_SN[:, choosing]), stats.means(found.nfe_SN[:, choosing])

    def gain(base: Indices, axon: Indices) -> float:
        lo, hi = _common_budgets(nfe_S[base], nfe_S[axon])
        without, with_it = (
            mean_quality_between(quality_S[rows][None], nfe_S[rows][None], lo, hi)[0] for rows in (base, axon)
        )
        # Times the width: a large gain over a sliver of budgets is a small one.
        return float(np.nan_to_num((with_it - without) * (hi - lo), nan=-np.inf))

    base, axon = max(variants, key=lambda rows: gain(*rows))
    budgets = _common_budgets(nfe_S[base], nfe_S[axon])

    # Row 0: every reporting example once; below it the bootstrap's draws.
    examples = int((~choosing).sum())
    counts_BN = np.concatenate([np.ones((1, examples)), stats.draw_counts(examples)])

    def measured(rows: Indices) -> Floats:
        quality_BF = stats.means(found.quality_SN[rows][:, ~choosing], counts_BN)
        return mean_quality_between(
            quality_BF, stats.means(found.nfe_SN[rows][:, ~choosing], counts_BN), *budgets
        )

    base_B, axon_B = measured(base), measured(axon)
    enough = min(int(choosing.sum()), examples) >= MIN_EXAMPLES
    return Comparison(
        decoder=decoder,
        variants=len(variants),
        base=base,
        axon=axon,
        chosen_on=int(choosing.sum()),
        reported_on=examples,
        budgets=budgets,
        base_quality=float(base_B[0]),
        axon_quality=float(axon_B[0]),
        difference=percentile_interval(float(axon_B[0] - base_B[0]), axon_B[1:] - base_B[1:]),
        pick=_pick(found, base, axon, choosing) if enough else None,
    )


def _common_budgets(first_nfe: Floats, second_nfe: Floats) -> tuple[float, float]:
    """From the later start to the earlier end; empty (lo = hi) when one side ends before the other begins."""
    lo = float(max(np.min(first_nfe), np.min(second_nfe)))
    return lo, max(lo, float(min(np.max(first_nfe), np.max(second_nfe))))


def _pick(found: Outcomes, base: Indices, axon: Indices, choosing: NDArray[np.bool_]) -> Pick:
    quality_S = stats.means(found.quality_SN[:, choosing])
    nfe_S = stats.means(found.nfe_SN[:, choosing])
    bar = float(np.nanmax(quality_S[base])) - QUALITY_MARGIN
    b, a = fastest_at(bar, base, quality_S, nfe_S), fastest_at(bar, axon, quality_S, nfe_S)
    quality_SN, nfe_SN = found.quality_SN[:, ~choosing], found.nfe_SN[:, ~choosing]
    quality, nfe = stats.means(quality_SN), stats.means(nfe_SN)
    return Pick(
        base=b,
        axon=a,
        base_quality=float(quality[b]),
        base_nfe=float(nfe[b]),
        axon_quality=float(quality[a]),
        axon_nfe=float(nfe[a]),
        quality=stats.paired_difference(quality_SN[a], quality_SN[b]),
        nfe=stats.paired_difference(nfe_SN[a], nfe_SN[b]),
        holds=bool(quality_S[a] >= bar),
    )


def fastest_at(bar: float, rows: Indices, quality_S: Floats, nfe_S: Floats) -> int:
    """The row with the fewest passes among those with quality >= bar; the best one when none reaches it."""
    reaching = rows[quality_S[rows] >= bar]
    if len(reaching):
        return int(reaching[np.lexsort((-quality_S[reaching], nfe_S[reaching]))[0]])
    return int(rows[np.lexsort((nfe_S[rows], -quality_S[rows]))[0]])
