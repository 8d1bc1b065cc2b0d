"""Simulated sweeps whose fronts are known: a base decoder and variants of AXON along a trade-off parameter.

An example has an ease that all settings share, so that scores are paired and hard examples take more steps; steps are
skewed. Truths are exact qualities, of graded scores and of steps those of 100,000 examples.

`concave` (steps gain less and less), `straight`, `jump` (one threshold decides), `bump` (the middle is best, so that
the slowest is on no front), `ceiling` (most answers are right), `partial` (concave, graded scores), `stairs` (two
jumps: no side is concave). AXON's variants are +5, 0 and -3 points against the base, at 0.85, 0.78 and 0.95 times its
steps. `ties`: straight, all variants at 0.85 times its steps, so that in a sample a worse one may take a little less
than the best and lie on the front, too. All variants as good as the base at its steps: `equal` (concave), `level`
(straight), `finer` and `coarser` (straight; 3 values of the base against 9 of AXON, and the reverse), `finest` (3
against 25, with twice the luck: as much to choose from as ever).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from axon import AxonSettings
from axon.decoders import Confidence
from pipeline.inputs.config import Decode, ModelSettings
from pipeline.planning.setting import Setting
from pipeline.report.comparisons.aup import TOKENS
from pipeline.report.statistics.sample import Sample
from pipeline.report.statistics.stats import Floats
from pipeline.tasks import TaskSettings

LENGTH = 64  # tokens of an answer
MANY = 100_000
AS_GOOD, AS_FAST = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Shape:
    """`chance`: the base's mean score by the place of a setting along the trade-off parameter, from 0 to 1."""

    chance: Callable[[Floats], Floats]
    gains: tuple[float, ...] = (0.05, 0.0, -0.03)  # of the variants
    steps: tuple[float, ...] = (
        0.85,
        0.78,
        0.95,
    )  # no two alike: of equal ones only the best is on the true front
    values: tuple[int, int] = (5, 5)  # settings of the base, and of each variant
    luck: float = 0.5  # of a setting, against the ease of the examples
    graded: bool = False

    @property
    def sides(self) -> list[tuple[Floats, float, float]]:
        """The base's, then each variant's: places along the parameter, gain, steps."""
        base, axon = (np.linspace(0, 1, count) for count in self.values)
        variants = zip(self.gains, self.steps, strict=True)
        return [(base, 0.0, 1.0), *((axon, gain, steps) for gain, steps in variants)]

    def chance_V(self, along_V: Floats, gain: float) -> Floats:
        return np.clip(self.chance(along_V) + gain, 0.01, 0.99)


def concave(along: Floats) -> Floats:
    return 0.9 - 0.5 * (1 - along) ** 2


def straight(along: Floats) -> Floats:
    return 0.4 + 0.4 * along


SHAPES = {
    "concave": Shape(concave),
    "straight": Shape(straight),
    "jump": Shape(lambda along: 0.3 + 0.5 / (1 + np.exp(-20 * (along - 0.6)))),
    "bump": Shape(lambda along: 0.55 + 0.25 * np.sin(1.3 * np.pi * along)),
    "ceiling": Shape(lambda along: 0.97 - 0.05 * (1 - along) ** 2),
    "partial": Shape(concave, graded=True),
    "equal": Shape(concave, AS_GOOD, AS_FAST),
    "ties": Shape(straight, steps=(0.85, 0.85, 0.85)),
    "level": Shape(straight, AS_GOOD, AS_FAST),
    "finer": Shape(straight, AS_GOOD, AS_FAST, values=(3, 9)),
    "coarser": Shape(straight, AS_GOOD, AS_FAST, values=(9, 3)),
    "finest": Shape(straight, AS_GOOD, AS_FAST, values=(3, 25), luck=1.0),
    "stairs": Shape(lambda along: 0.35 + 0.2 * (along > 0.3) + 0.25 * (along > 0.7) + 0.05 * along),
}


def truth(shape: Shape) -> tuple[Floats, Floats]:
    """Mean score and NFE of each setting, (S,) each."""
    means: dict[tuple[int, float, float], tuple[Floats, Floats]] = {}
    for along, gain, steps in shape.sides:
        key = len(along), gain, steps  # alike variants take as many steps, to the last digit
        if key not in means:
            quality_VN, nfe_VN = outcomes(np.random.default_rng(1), shape, along, gain, steps, MANY)
            exact_V = quality_VN.mean(axis=1) if shape.graded else shape.chance_V(along, gain)
            means[key] = exact_V, nfe_VN.mean(axis=1)
    found = [means[len(along), gain, steps] for along, gain, steps in shape.sides]
    quality_S, nfe_S = (np.concatenate(own) for own in zip(*found, strict=True))
    return quality_S, nfe_S


def drawn(rng: np.random.Generator, shape: Shape, n: int) -> Sample:
    """Settings in the order of `describe`: the base's, then each variant's."""
    ease_N = rng.normal(size=n)
    found = [outcomes(rng, shape, *side, n, ease_N) for side in shape.sides]
    quality_SN, nfe_SN = (np.concatenate(own) for own in zip(*found, strict=True))
    length_SN = np.full_like(nfe_SN, LENGTH)
    return Sample(quality_SN, nfe_SN, dict(zip(TOKENS, (length_SN, length_SN, nfe_SN), strict=True)))


def outcomes(
    rng: np.random.Generator,
    shape: Shape,
    along_V: Floats,
    gain: float,
    steps: float,
    n: int,
    ease_N: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Scores and NFE of each setting's examples, (V, n) each; examples of their own unless `ease_N` is given."""
    ease_N = rng.normal(size=n) if ease_N is None else ease_N
    chance_V1 = shape.chance_V(along_V, gain)[:, None]
    noisy_VN = ease_N + shape.luck * rng.normal(size=(len(along_V), n))
    if shape.graded:
        quality_VN = np.clip(chance_V1 + 0.15 * noisy_VN, 0, 1).round(2)
    else:
        quality_VN = (noisy_VN > norm.isf(chance_V1) * np.sqrt(1 + shape.luck**2)).astype(np.float64)
    skewed_VN = np.exp(0.3 * (rng.normal(size=(len(along_V), n)) - ease_N) - 0.09)
    return quality_VN, np.maximum(np.round((5 + 25 * along_V[:, None]) * steps * skewed_VN), 1.0)


def describe(shape: Shape) -> list[Setting]:
    """The settings, with as much as fronts need: group, decoder, identity."""
    return [
        make_setting("AXON" if side else "base", value, side - 1)
        for side, (along_V, _, _) in enumerate(shape.sides)
        for value in range(len(along_V))
    ]


def make_setting(group: str, value: float, variant: int = -1) -> Setting:
    """`value`: stands for the trade-off parameter's. `variant`: of AXON; -1, without AXON."""
    axon = {"gate": "never"} if variant < 0 else {"gate": "always", "anchors": variant}
    return Setting(
        id=f"{group}/{variant}/{value}",
        identity={"decoder": {"name": "confidence", "threshold": value}, "axon": axon},
        group=group,
        knobs={},
        model=ModelSettings("simulated", None, "float32", "sdpa", "cpu", "raw"),
        task=TaskSettings("arith", "test", 0),
        decode=Decode(decoder=Confidence(), axon=AxonSettings(gate="never" if variant < 0 else "always")),
        seed=0,
        trade_off="decoder.threshold",
    )
