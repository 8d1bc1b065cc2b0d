"""Coverage of the report's intervals: `python benchmarks/interval_coverage.py [--sizes 10 30] [--paired-sizes 30]`.

Exact: every outcome of n examples is enumerated and weighted by its probability; nothing is random but the bootstrap's
replicates. First table: a proportion p, by Wilson's interval (which the report uses for 0/1 scores) and, for contrast,
by the percentile bootstrap. Second: a difference of paired proportions, where a fraction `discordant` of the examples
scores differently, and `first` of these in favour of the first, by Tango's interval and by the bootstrap.
Nominal: 95 %. Of fronts: front_coverage.py.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from scipy.stats import binom, multinomial

from benchmarks.simulated import at_least
from pipeline.report.statistics.stats import (
    Floats,
    Interval,
    draw_counts,
    percentile_interval,
    tango_interval,
    wilson_interval,
)

SIZES = (10, 30, 100, 400, 1319)
SHARES = (0.6, 0.8, 0.9, 0.97, 0.99, 0.999)
PAIRED_SIZES = (30, 100, 400)
DISCORDANT = (0.005, 0.02, 0.05, 0.15)
FIRST = (0.5, 0.8, 1.0)
REPLICATES = 1000
NEGLIGIBLE = 1e-9  # outcomes less likely than this are left out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=at_least(1), nargs="*", default=SIZES, help="numbers of examples, first table"
    )
    parser.add_argument(
        "--paired-sizes", type=at_least(1), nargs="*", default=PAIRED_SIZES, help="of the second"
    )
    asked = parser.parse_args()
    print(f"{'n':>5} {'p':>6} {'Wilson':>9} {'bootstrap':>10}")
    for n in asked.sizes:
        wilson = [wilson_interval(correct, n) for correct in range(n + 1)]
        bootstrap = _bootstrapped(n)
        for p in SHARES:
            weights = binom.pmf(np.arange(n + 1), n, p)
            print(
                f"{n:>5} {p:>6} {_coverage(wilson, weights, p):>9.1%} {_coverage(bootstrap, weights, p):>10.1%}"
            )
    print(f"\n{'n':>5} {'discordant':>10} {'first':>6} {'Tango':>9} {'bootstrap':>10}")
    for n in asked.paired_sizes:
        counts_BN = draw_counts(n, REPLICATES)
        made: dict[tuple[int, int], tuple[Interval, Interval]] = {}
        for discordant in DISCORDANT:
            for first in FIRST:
                _paired(n, discordant, first, np.cumsum(counts_BN, axis=1), made)


def _bootstrapped(n: int) -> list[Interval]:
    """The correct examples come first, so how often they are drawn is a running sum."""
    drawn_BN = np.cumsum(draw_counts(n, REPLICATES), axis=1, dtype=np.float64) / n
    some = [_ends(correct / n, drawn_BN[:, correct - 1], n) for correct in range(1, n + 1)]
    return [Interval(0.0, 0.0, 0.0), *some]


def _ends(estimate: float, drawn_B: Floats, n: int) -> Interval:
    """The bootstrap's own ends where all examples agree, too: of no width. A report tells no interval then."""
    found = percentile_interval(estimate, drawn_B, n)
    return Interval(*[estimate] * 3) if math.isnan(found.lo) else found


def _paired(
    n: int,
    discordant: float,
    first: float,
    drawn_BN: Floats,
    made: dict[tuple[int, int], tuple[Interval, Interval]],
) -> None:
    cells = [discordant * first, discordant * (1 - first), 1 - discordant]
    most = int(binom.isf(NEGLIGIBLE, n, discordant))
    outcomes = [(b, c) for b in range(most + 1) for c in range(most + 1 - b)]
    for b, c in outcomes:
        if (b, c) not in made:
            above = drawn_BN[:, b - 1] if b else np.zeros(len(drawn_BN))
            both = drawn_BN[:, b + c - 1] if b + c else np.zeros(len(drawn_BN))
            made[b, c] = (
                tango_interval(b, c, n),
                _ends((b - c) / n, (above - (both - above)) / n, n),
            )
    weights = multinomial.pmf([(b, c, n - b - c) for b, c in outcomes], n, cells)
    tango, bootstrap = (
        _coverage([made[own][kind] for own in outcomes], weights, cells[0] - cells[1]) for kind in (0, 1)
    )
    print(f"{n:>5} {discordant:>10} {first:>6} {tango:>9.1%} {bootstrap:>10.1%}", flush=True)


def _coverage(intervals: list[Interval], weights: Floats, truth: float) -> float:
    covers = [interval.lo - 1e-12 <= truth <= interval.hi + 1e-12 for interval in intervals]
    return float(weights[covers].sum())


if __name__ == "__main__":
    main()
