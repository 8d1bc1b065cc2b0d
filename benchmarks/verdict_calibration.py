"""Error rates and power of the report's verdict: `python benchmarks/verdict_calibration.py [--sweeps 100]`.

Simulated sweeps with a known truth go through the report's own comparison: DECODERS decoders, each alone and with
VARIANTS variants of AXON, at VALUES values of the trade-off parameter. An example is correct if its ease, shared by all
settings, plus noise of the side and of the setting exceeds a threshold; so scores are paired as real ones are, and a
few per cent of the examples score differently between two settings of equal accuracy. NFE falls with ease.

Truths: `nothing` (AXON adds noise of its own, no more), `+2` and `+5 points` (one variant of each decoder is better by
that much at every value), `-20 % NFE` (one variant needs a fifth less), `-3 points` (every variant is worse by that
much).
Columns: the fraction of sweeps with a false verdict for any decoder, with a false yes and with a false no (`wrong` also
counts a variant falsely reported to lower the front); the fraction of decoders with yes, no and inconclusive, and with
a significant reduction of NFE at equal quality; and the fraction of sweeps in which all intervals of that reduction
covered the truth, where it is known. `differ`: the fraction of examples that score differently with and without AXON
at an equal value of the trade-off parameter.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from scipy.stats import norm

from axon import AxonSettings
from axon.decoders import Confidence, DecoderSettings, LeftToRight
from benchmarks.simulated import read_words
from pipeline.inputs.config import Decode, ModelSettings
from pipeline.planning.setting import Setting
from pipeline.report.comparisons.comparison import INCONCLUSIVE, NO, YES, Comparison, Evidence, compare
from pipeline.report.statistics.sample import Sample
from pipeline.report.statistics.stats import Floats
from pipeline.tasks import TaskSettings

DECODERS, VARIANTS, VALUES = 2, 3, 5
SIZES = (100, 1319)
ACCURACIES = (0.6, 0.8, 0.9, 0.97)  # of the slowest setting
FALL = 0.15  # how much lower that of the fastest is
NOISE = 0.3  # standard deviation of what a side and a setting add, relative to the examples' ease


@dataclass(frozen=True)
class Truth:
    """What AXON does: to one variant of each decoder, or to all."""

    name: str
    gain: float = 0.0
    nfe: float = 1.0
    all_variants: bool = False

    def touches(self, variant: int) -> bool:
        return self.all_variants or variant == 0


TRUTHS = (
    Truth("nothing"),
    Truth("+2 points", gain=0.02),
    Truth("+5 points", gain=0.05),
    Truth("-20 % NFE", nfe=0.8),
    Truth("-3 points", gain=-0.03, all_variants=True),
)


def main() -> None:
    asked = read_words(__doc__, SIZES)
    heads = ("differ", "wrong", "false yes", "false no", "yes", "no", "inconclusive", "saves", "covered")
    print(f"{'n':>5} {'accuracy':>8} {'truth':<13}" + "".join(f"{head:>13}" for head in heads) + f"{'s':>8}")
    for n in asked.sizes:
        for accuracy in ACCURACIES:
            for truth in TRUTHS:
                if accuracy + max(truth.gain, 0) < 1:
                    start = perf_counter()
                    cells = tally(n, accuracy, truth, asked.sweeps)
                    shown = "".join("-".rjust(13) if np.isnan(cell) else f"{cell:>13.1%}" for cell in cells)
                    spent = (perf_counter() - start) / asked.sweeps
                    print(f"{n:>5} {accuracy:>8} {truth.name:<13}{shown}{spent:>8.2f}", flush=True)


def tally(n: int, accuracy: float, truth: Truth, sweeps: int) -> tuple[float, ...]:
    rng = np.random.default_rng([n, round(1000 * accuracy), TRUTHS.index(truth)])
    differ, wrong, outcomes, saves, covered = [], [], [], [], []
    settings = describe()
    points = pd.DataFrame(
        {"decode": [setting.id for setting in settings], "complete": True, "axon_empty": 0.0}
    )
    for _ in range(sweeps):
        [found] = compare([Evidence(settings, points, draw(rng, n, accuracy, truth))])
        outcomes += [one.outcome for one in found]
        differ += [effect.discordance for one in found for effect in one.effects]
        saves += [one.leading.saving.fraction.lo > 0 for one in found]
        wrong.append(false_verdicts(found, truth))
        covered.append(saving_covered(found, truth))
    rates = [float(np.mean([own == outcome for own in outcomes])) for outcome in (YES, NO, INCONCLUSIVE)]
    return (
        float(np.mean(differ)),
        *np.mean(wrong, axis=0).tolist(),
        *rates,
        float(np.mean(saves)),
        float(np.mean(covered)),
    )


def describe() -> list[Setting]:
    """The settings in the order of the outcomes; variant -1 is the base decoder alone."""
    decoders: tuple[DecoderSettings, ...] = (Confidence(), LeftToRight())
    return [
        _setting(decoder, variant, value)
        for decoder in decoders[:DECODERS]
        for variant in range(-1, VARIANTS)
        for value in range(VALUES)
    ]


def _setting(decoder: DecoderSettings, variant: int, value: int) -> Setting:
    """With as much of an identity as a comparison needs; the number stands for the trade-off parameter's value."""
    axon = {"gate": "never"} if variant < 0 else {"gate": "always", "anchors": variant}
    identity = {"decoder": {"name": decoder.name, "threshold": value}, "axon": axon}
    return Setting(
        id=f"{decoder.name}/{variant}/{value}",
        identity=identity,
        group="base" if variant < 0 else "axon",
        knobs={},
        model=ModelSettings("simulated", None, "float32", "sdpa", "cpu", "raw"),
        task=TaskSettings("arith", "test", 0),
        decode=Decode(decoder=decoder, axon=AxonSettings(gate="never" if variant < 0 else "always")),
        seed=0,
        trade_off="decoder.threshold",
    )


def draw(rng: np.random.Generator, n: int, accuracy: float, truth: Truth) -> Sample:
    along = np.linspace(0, 1, VALUES)[:, None]
    ease_N = rng.normal(size=n)
    quality: list[Floats] = []
    nfe: list[Floats] = []
    for _ in range(DECODERS):
        for variant in range(-1, VARIANTS):
            touched = variant >= 0 and truth.touches(variant)
            chance = accuracy - FALL * (1 - along) ** 2 + (truth.gain if touched else 0.0)
            noise = (rng.normal(size=n) + rng.normal(size=(VALUES, n))) / np.sqrt(2)
            threshold = norm.isf(chance) * np.sqrt(1 + NOISE**2)
            quality.append((ease_N + NOISE * noise > threshold).astype(np.float64))
            steps = (4 + 20 * along) * (1 - 0.1 * ease_N) + rng.normal(size=(VALUES, n))
            nfe.append(np.maximum(np.round(steps * (truth.nfe if touched else 1.0)), 1.0))
    return Sample(np.concatenate(quality), np.concatenate(nfe))


def false_verdicts(found: list[Comparison], truth: Truth) -> tuple[bool, bool, bool]:
    """Whether any statement was false; a false yes; a false no."""
    good, bad = truth.gain > 0 or truth.nfe < 1, truth.gain < 0
    yes = any(one.outcome == YES and (not good or index(one) != 0) for one in found)
    no = any(one.outcome == NO and not bad for one in found)
    lowering = any(not bad for one in found for _ in one.lowering)
    return yes or no or lowering, yes, no


def index(found: Comparison) -> int:
    return next(place for place, effect in enumerate(found.effects) if effect is found.leading)


def saving_covered(found: list[Comparison], truth: Truth) -> float:
    """Known where only NFE changes: the same fraction is then saved at every quality."""
    if truth.gain:
        return float("nan")
    saved = [
        (1 - truth.nfe if truth.touches(variant) else 0.0, effect.saving.fraction)
        for one in found
        for variant, effect in enumerate(one.effects)
    ]
    return float(all(interval.lo - 0.005 <= true <= interval.hi + 0.005 for true, interval in saved))


if __name__ == "__main__":
    main()
