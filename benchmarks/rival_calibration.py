"""How often a verdict on any two fronts errs: `python benchmarks/rival_calibration.py [--sweeps 100]`.

Decoders that lie on one and the same quality-NFE curve (front_shapes.py) are measured at different places along it, and
compared as `against=` does (rivals.py). With a `gain` of 0 none lies higher than another, so that each `higher` and
`lower` is false; with one of 5 points all others lie higher than the reference. That has five settings from the fastest
to the slowest; the others have the same five (`same`), four between them (`between`), the fastest, the middle and the
slowest (`three`), the two ends (`two`), seventeen (`many`), and five over the slower half (`slower`).

Lines are straight between neighbouring settings, so that on a curve which is not straight a line through few settings
lies off it: `exact` is the difference of the lines with infinitely many examples, in points of quality, which no number
of examples takes away. Then the fraction of sweeps in which the other's line lies higher, and lower, by its interval
alone (`lines`), by the verdict, which asks the settings themselves, too (`verdict`: effect.py), and by a verdict that
is also shown where settings may be mixed (`mixed`); and in which it takes less NFE at equal quality (`higher`), and
more, by the interval alone (`NFE alone`) and where the settings don't leave it open (`NFE`). `any`: of all the others
together, for which the intervals hold simultaneously (nominal: 5 % where `exact` is 0).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from benchmarks.front_shapes import MANY, SHAPES, Shape, make_setting, outcomes
from benchmarks.simulated import points_of, read_words
from pipeline.report.comparisons.comparison import Evidence
from pipeline.report.comparisons.effect import Effect
from pipeline.report.comparisons.rivals import compare_fronts
from pipeline.report.statistics.fronts import mean_height
from pipeline.report.statistics.sample import Sample

SIZES = (100, 1000)
CURVES = ("straight", "concave", "ceiling", "bump", "jump", "stairs")
GAINS = (0.0, 0.05)
REFERENCE = "reference"
PLACES = {
    REFERENCE: np.linspace(0, 1, 5),
    "same": np.linspace(0, 1, 5),
    "between": np.linspace(0.125, 0.875, 4),
    "three": np.linspace(0, 1, 3),
    "two": np.linspace(0, 1, 2),
    "many": np.linspace(0, 1, 17),
    "slower": np.linspace(0.5, 1, 5),
}
OTHERS = tuple(PLACES)[1:]
KINDS = ("lines", "verdict", "mixed", "NFE alone", "NFE")


def main() -> None:
    asked = read_words(__doc__, SIZES)
    heads = "".join(f"{f'{kind} {way}':>17}" for kind in KINDS for way in ("higher", "lower"))
    print(f"{'curve':<9}{'gain':>4}{'n':>5}  {'other':<9}{'exact':>7}{heads}{'s':>7}")
    for name in CURVES:
        shape = replace(SHAPES[name], luck=1.0)
        for gain in GAINS:
            off = exact(shape, gain)
            for n in asked.sizes:
                start = perf_counter()
                told = tally(shape, gain, n, asked.sweeps, np.random.default_rng([n, CURVES.index(name)]))
                spent = (perf_counter() - start) / asked.sweeps
                for other, own_TK in [*told.items(), ("any", np.any(list(told.values()), axis=0))]:
                    apart = f"{100 * off[other]:>+7.1f}" if other in off else f"{'':>7}"
                    shown = "".join(f"{rate:>17.1%}" for rate in own_TK.mean(axis=0))
                    print(f"{name:<9}{gain:>4}{n:>5}  {other:<9}{apart}{shown}{spent:>7.2f}", flush=True)


def exact(shape: Shape, gain: float) -> dict[str, float]:
    """Each other line's mean height less the reference's, of ever so many examples."""
    nfe_S = outcomes(np.random.default_rng(1), shape, np.linspace(0, 1, 2), 0.0, 1.0, MANY)[1].mean(axis=1)
    lines = {
        group: (shape.chance_V(along_V, _gain(group, gain))[None], np.interp(along_V, (0, 1), nfe_S)[None])
        for group, along_V in PLACES.items()
    }
    reference = lines[REFERENCE]
    found = {}
    for other in OTHERS:
        budgets = float(lines[other][1].min()), float(reference[1].max())
        found[other] = float(mean_height(lines[other], *budgets)[0] - mean_height(reference, *budgets)[0])
    return found


def _gain(group: str, gain: float) -> float:
    return 0.0 if group == REFERENCE else gain


def tally(
    shape: Shape, gain: float, n: int, sweeps: int, rng: np.random.Generator
) -> dict[str, NDArray[np.bool_]]:
    """Of each other line what is said of it, (sweeps, 10): of each kind whether it lies higher, and lower."""
    settings = [make_setting(group, value) for group, along_V in PLACES.items() for value in along_V.tolist()]
    found: dict[str, list[tuple[bool, ...]]] = {other: [] for other in OTHERS}
    for _ in range(sweeps):
        sample = drawn(rng, shape, gain, n)
        [[rivals]] = compare_fronts([Evidence(settings, points_of(settings, sample), sample)], REFERENCE)
        for other, effect in rivals.effects:
            found[other].append(said(effect))
    return {other: np.array(own) for other, own in found.items()}


def drawn(rng: np.random.Generator, shape: Shape, gain: float, n: int) -> Sample:
    ease_N = rng.normal(size=n)
    sides = [
        outcomes(rng, shape, along_V, _gain(group, gain), 1.0, n, ease_N) for group, along_V in PLACES.items()
    ]
    quality_SN, nfe_SN = (np.concatenate(own) for own in zip(*sides, strict=True))
    return Sample(quality_SN, nfe_SN)


def said(effect: Effect) -> tuple[bool, ...]:
    higher, lower = effect.higher, effect.lower
    lines, mixed, saved = effect.difference, effect.mixed.difference, effect.saving.fraction
    less, more, told = saved.lo > 0, saved.hi < 0, not effect.saved_between_alone
    return (
        *(lines.lo > 0, lines.hi < 0, higher, lower, higher and mixed.lo > 0, lower and mixed.hi < 0),
        *(less, more, less and told, more and told),
    )


if __name__ == "__main__":
    main()
