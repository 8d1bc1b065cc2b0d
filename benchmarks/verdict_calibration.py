"""How often the report's verdict is wrong, and what it sees: `python benchmarks/verdict_calibration.py [--sweeps 100]`.

Sweeps are made up whose truth is known, and handed to the report's own comparison: DECODERS decoders, each alone and
with VARIANTS variants of AXON, at SPEEDS speeds. An example is right where its ease, shared by all settings, plus
luck of the side and of the setting exceeds a bar; so scores are paired as real ones are, and of the examples a few
per cent score differently between two settings of equal accuracy. Steps fall with ease.

Truths: `nothing` (AXON draws luck of its own, no more), `+2` and `+5 points` (one variant of each decoder is so much
better at every speed), `-20 % steps` (one variant takes a fifth less), `-3 points` (every variant is so much worse).
Columns: of the sweeps, in how many some decoder got a false answer, false yes and false no (`wrong` also counts a
variant named as lowering the front that does not); of the decoders, how many got yes, no and can't tell, and for how
many fewer steps at equal quality were told; and in how many sweeps every interval of the steps saved held the truth,
where that is known. `differ`: of the examples, how many score differently with AXON and without at an equal speed.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from scipy.stats import norm

from pipeline.report.comparison import CANT_TELL, NO, YES, Comparison, compare
from pipeline.report.points import Outcomes
from pipeline.report.stats import Floats

DECODERS, VARIANTS, SPEEDS = 2, 3, 5
SIZES = (100, 1319)
ACCURACIES = (0.6, 0.8, 0.9, 0.97)  # at the slowest setting
FALL = 0.15  # how much lower it is at the fastest
LUCK = 0.3  # deviation of what a side and a setting add, against 1 of the examples' ease


@dataclass(frozen=True)
class Truth:
    """What AXON does: to one variant of each decoder, or to all."""

    name: str
    gain: float = 0.0
    steps: float = 1.0
    all_variants: bool = False

    def touches(self, variant: int) -> bool:
        return self.all_variants or variant == 0

    @property
    def nothing(self) -> bool:
        return self.gain == 0 and self.steps == 1


TRUTHS = (
    Truth("nothing"),
    Truth("+2 points", gain=0.02),
    Truth("+5 points", gain=0.05),
    Truth("-20 % steps", steps=0.8),
    Truth("-3 points", gain=-0.03, all_variants=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sweeps", type=int, default=100, help="made-up sweeps a row (default: 100)")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of examples")
    asked = parser.parse_args()
    heads = ("differ", "wrong", "false yes", "false no", "yes", "no", "can't tell", "saves", "saving held")
    print(f"{'n':>5} {'accuracy':>8} {'truth':<13}" + "".join(f"{head:>12}" for head in heads) + f"{'s':>8}")
    for n in asked.sizes:
        for accuracy in ACCURACIES:
            for truth in TRUTHS:
                if accuracy + max(truth.gain, 0) < 1:
                    start = perf_counter()
                    cells = tally(n, accuracy, truth, asked.sweeps)
                    shown = "".join("-".rjust(12) if np.isnan(cell) else f"{cell:>11.1%} " for cell in cells)
                    spent = (perf_counter() - start) / asked.sweeps
                    print(f"{n:>5} {accuracy:>8} {truth.name:<13}{shown}{spent:>8.2f}", flush=True)


def tally(n: int, accuracy: float, truth: Truth, sweeps: int) -> tuple[float, ...]:
    rng = np.random.default_rng([n, round(1000 * accuracy), TRUTHS.index(truth)])
    differ, wrong, told, saves, held = [], [], [], [], []
    settings = describe()
    points = pd.DataFrame({"decode": list(settings), "complete": True, "axon_empty": 0.0})
    for _ in range(sweeps):
        outcomes = draw(rng, n, accuracy, truth, tuple(settings))
        found = compare(settings, points, outcomes, "decoder.threshold")
        told += [one.outcome for one in found]
        differ += [effect.discordance for one in found for effect in one.effects]
        saves += [one.leading.saving.share.lo > 0 for one in found]
        wrong.append(false_answers(found, truth))
        held.append(saving_held(found, truth))
    answers = [float(np.mean([own == outcome for own in told])) for outcome in (YES, NO, CANT_TELL)]
    return (
        float(np.mean(differ)),
        *np.mean(wrong, axis=0).tolist(),
        *answers,
        float(np.mean(saves)),
        float(np.mean(held)),
    )


def describe() -> dict[str, dict[str, Any]]:
    """The settings as the plan describes them; variant -1 is the base decoder alone."""
    return {
        f"{decoder}/{variant}/{speed}": {
            "decoder": {"name": f"decoder {decoder}", "threshold": speed},
            "axon": {"gate": "never"} if variant < 0 else {"gate": "always", "anchors": variant},
        }
        for decoder in range(DECODERS)
        for variant in range(-1, VARIANTS)
        for speed in range(SPEEDS)
    }


def draw(rng: np.random.Generator, n: int, accuracy: float, truth: Truth, ids: tuple[str, ...]) -> Outcomes:
    along = np.linspace(0, 1, SPEEDS)[:, None]
    ease_N = rng.normal(size=n)
    quality: list[Floats] = []
    nfe: list[Floats] = []
    for _ in range(DECODERS):
        for variant in range(-1, VARIANTS):
            touched = variant >= 0 and truth.touches(variant)
            chance = accuracy - FALL * (1 - along) ** 2 + (truth.gain if touched else 0.0)
            luck = (rng.normal(size=n) + rng.normal(size=(SPEEDS, n))) / np.sqrt(2)
            bar = norm.isf(chance) * np.sqrt(1 + LUCK**2)
            quality.append((ease_N + LUCK * luck > bar).astype(np.float64))
            steps = (4 + 20 * along) * (1 - 0.1 * ease_N) + rng.normal(size=(SPEEDS, n))
            nfe.append(np.maximum(np.round(steps * (truth.steps if touched else 1.0)), 1.0))
    return Outcomes(ids, np.arange(n, dtype=np.float64), np.concatenate(quality), np.concatenate(nfe))


def false_answers(found: list[Comparison], truth: Truth) -> tuple[bool, bool, bool]:
    """Whether anything false was said; a false yes; a false no."""
    good, bad = truth.gain > 0 or truth.steps < 1, truth.gain < 0
    yes = any(one.outcome == YES and (not good or index(one) != 0) for one in found)
    no = any(one.outcome == NO and not bad for one in found)
    lowering = any(not bad for one in found for _ in one.lowering)
    return yes or no or lowering, yes, no


def index(found: Comparison) -> int:
    return next(place for place, effect in enumerate(found.effects) if effect is found.leading)


def saving_held(found: list[Comparison], truth: Truth) -> float:
    """Known where nothing but steps is changed: the same share is saved at every quality, then."""
    if truth.gain:
        return float("nan")
    shares = [(1 - truth.steps if truth.touches(v) else 0.0, effect.saving.share)
              for one in found for v, effect in enumerate(one.effects)]  # fmt: skip
    return float(all(share.lo - 0.005 <= true <= share.hi + 0.005 for true, share in shares))


if __name__ == "__main__":
    main()
