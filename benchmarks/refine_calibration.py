"""How often AXON's verdict errs after a search: `python benchmarks/refine_calibration.py [--sweeps 100]`.

A base decoder and three variants of AXON lie on known quality-NFE curves (front_shapes.py) and are searched by
`refine`, which looks at the very examples that the verdict is then computed from: so each line has settings of its own
(no decode repeats another's, so that nothing but means guides the search). Truths: `nothing` (all lines are one curve),
`+5 points` (one variant of the three lies higher by that much), `-20 % NFE` (one takes a fifth less), `-5 points` (all
variants lie lower). verdict_calibration.py has the same for a grid, whose sides share their values.

Columns: settings found, of the base and of all variants; the fraction of sweeps in which the lines alone would say yes
and no, then in which the verdict does, which asks the settings, too (effect.py), and in which it says so also where
settings may be mixed; in which any statement on a variant, that it lifts or lowers the front, is false (`wrong`,
nominal: 5 %; on `bump`, whose slow half falls, a faster variant's line does lie lower there); and in which a variant is
said to take less NFE at equal quality, and more, by the interval alone (`less alone`, `more alone`) and where the
settings don't leave it open.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.front_shapes import SHAPES, Shape, make_setting, outcomes
from benchmarks.recorded import Recorded, line_key
from benchmarks.search_study import replay
from benchmarks.simulated import points_of, read_words
from benchmarks.verdict_calibration import Truth
from pipeline.planning.setting import Setting
from pipeline.report.comparisons.comparison import NO, YES, Comparison, Evidence, compare
from pipeline.report.comparisons.effect import Effect
from pipeline.report.statistics.sample import Sample
from pipeline.search import SEARCHES, Region

SIZES = (100, 1000)
CURVES = ("straight", "concave", "ceiling", "bump", "jump", "stairs")
VALUES = np.linspace(0, 1, 65).tolist()  # of the trade-off parameter: as close as the search ever looks
PARAMETER = "decoder.threshold"
BASE, VARIANTS = -1, (0, 1, 2)
HEADS = (
    *("of base", "of AXON", "yes alone", "no alone", "yes", "no", "yes mixed", "no mixed", "wrong"),
    *("less alone", "more alone", "less NFE", "more NFE"),
)

TRUTHS = (
    Truth("nothing"),
    Truth("+5 points", gain=0.05),
    Truth("-20 % NFE", nfe=0.8),
    Truth("-5 points", gain=-0.05, all_variants=True),
)


def main() -> None:
    asked = read_words(__doc__, SIZES)
    print(f"{'curve':<9}{'truth':<11}{'n':>5}" + "".join(f"{head:>12}" for head in HEADS) + f"{'s':>8}")
    for name in CURVES:
        for truth in TRUTHS:
            for n in asked.sizes:
                start = perf_counter()
                rng = np.random.default_rng([n, CURVES.index(name), TRUTHS.index(truth)])
                shape = replace(SHAPES[name], luck=1.0)
                cells = np.mean([sweep(rng, shape, truth, n) for _ in range(asked.sweeps)], axis=0)
                shown = "".join(f"{cell:>12.1f}" for cell in cells[:2])
                shown += "".join(f"{cell:>12.1%}" for cell in cells[2:])
                spent = (perf_counter() - start) / asked.sweeps
                print(f"{name:<9}{truth.name:<11}{n:>5}{shown}{spent:>8.2f}", flush=True)


def sweep(rng: np.random.Generator, shape: Shape, truth: Truth, n: int) -> tuple[float, ...]:
    """One row of the table, of one simulated sweep."""
    recorded = drawn(rng, shape, truth, n)
    rows = replay(recorded, SEARCHES["refine"], None).whole
    settings = [recorded.settings[row] for row in rows]
    sample = Sample(recorded.quality_SN[rows], recorded.nfe_SN[rows])
    [[found]] = compare([Evidence(settings, points_of(settings, sample), sample)])
    of_base = sum(setting.group == "base" for setting in settings)
    return (of_base, len(rows) - of_base, *said(found, truth))


def drawn(rng: np.random.Generator, shape: Shape, truth: Truth, n: int) -> Recorded:
    """The outcomes of n examples under every setting that may be asked for."""
    ease_N, along_V = rng.normal(size=n), np.array(VALUES)
    settings, quality, nfe = list[Setting](), [], []
    lines: dict[str, dict[float, int]] = {}
    for variant in (BASE, *VARIANTS):
        own = {"axon.anchors": variant} if variant != BASE else {}
        gain, steps = (truth.gain, truth.nfe) if own and truth.touches(variant) else (0.0, 1.0)
        quality_VN, nfe_VN = outcomes(rng, shape, along_V, gain, steps, n, ease_N)
        quality.append(quality_VN)
        nfe.append(nfe_VN)
        group = "axon" if own else "base"
        first = len(settings)
        settings += [
            replace(make_setting(group, value, variant), knobs={**own, PARAMETER: value}) for value in VALUES
        ]
        line = {value: first + place for place, value in enumerate(VALUES)}
        lines[line_key(group, own)] = line
    quality_SN, nfe_SN = np.concatenate(quality), np.concatenate(nfe)
    nowhere_SN = np.full(nfe_SN.shape, np.nan)
    return Recorded(settings, space(), {}, quality_SN, nfe_SN, nowhere_SN, nowhere_SN, lines)


def space() -> tuple[Region, ...]:
    along = {PARAMETER: tuple(VALUES)}
    anchors = {"axon.anchors": VARIANTS}
    return (
        Region("base", {}, along, {}, PARAMETER),
        Region("axon", {}, {**anchors, **along}, {}, PARAMETER),
    )


def false(truth: Truth, effect: Effect, variant: int) -> bool:
    """Whether what is said of this variant's front, if anything, is wrong."""
    lifts = truth.touches(variant) and (truth.gain > 0 or truth.nfe < 1)
    lowers = truth.touches(variant) and truth.gain < 0
    return (effect.higher and not lifts) or (effect.lower and not lowers)


def said(found: Comparison, truth: Truth) -> Sequence[float]:
    lines = [effect.difference for effect in found.effects]
    saved = [effect.saving.fraction for effect in found.effects]
    told = [not effect.saved_between_alone for effect in found.effects]
    wrong = [false(truth, effect, variant) for variant, effect in zip(VARIANTS, found.effects, strict=True)]
    yes, no = found.outcome == YES, found.outcome == NO
    return (
        any(own.lo > 0 for own in lines),
        all(own.hi < 0 for own in lines),
        yes,
        no,
        yes and found.mixed,
        no and found.mixed,
        any(wrong),
        any(own.lo > 0 for own in saved),
        any(own.hi < 0 for own in saved),
        any(own.lo > 0 and shown for own, shown in zip(saved, told, strict=True)),
        any(own.hi < 0 and shown for own, shown in zip(saved, told, strict=True)),
    )


if __name__ == "__main__":
    main()
