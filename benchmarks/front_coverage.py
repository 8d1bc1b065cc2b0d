"""Coverage of intervals between fronts: `python benchmarks/front_coverage.py [--sweeps 100] [--sizes 30 100 300]`.

Simulated sweeps of a known truth go through the report's own quality at matched NFE (pipeline/report/matched.py) and
accuracy under parallelism (aup.py): a base decoder at VALUES values of the trade-off parameter, and VARIANTS variants
of AXON. An example has an ease that all settings share, so that scores are paired and hard examples take more steps;
steps are skewed. Truths are those of 100,000 examples.

Shapes of the fronts: `concave` (steps gain less and less), `straight`, `jump` (one threshold decides), `bump` (the
middle is best, so that the slowest is on no front), `ceiling` (most answers are right), `partial` (concave, graded
scores). AXON's variants are +5, 0 and -3 points against the base, at 0.85, 0.78 and 0.95 times its steps; `equal`:
concave, all as good as the base at its steps; `ties`: straight, all variants at 0.85 times its steps, so that in a
sample a worse one may take a little less than the best and lie on the front, too. The rule for
matched NFE was chosen on another simulation (LOG.md, 2026-11-26).

Columns: of matched NFE, at three budgets each, the fraction of intervals that cover the true difference, their mean
width, and the fraction that lies above and below the truth; of AUP, base and AXON, the fraction that covers the AUP of
the true front with the sample's y_max, which is a parameter, and the mean width as a share of it. Nominal: 95 %.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from scipy.stats import norm

from axon import AxonSettings
from axon.decoders import Confidence
from benchmarks.simulated import read_words
from pipeline.inputs.config import Decode, ModelSettings
from pipeline.planning.setting import Setting
from pipeline.report.asked import Asked
from pipeline.report.aup import TOKENS, area, aups
from pipeline.report.matched import heights, match_nfe
from pipeline.report.pareto import front_order
from pipeline.report.sample import Sample, draw
from pipeline.report.stats import Floats, means
from pipeline.tasks import TaskSettings

VALUES, VARIANTS = 5, 3
GAINS = (0.05, 0.0, -0.03)
FASTER = (0.85, 0.78, 0.95)  # no two alike: of equal steps only the best setting would be on the true front
LENGTH = 64  # tokens of an answer
SIZES = (30, 100, 300)
MANY = 100_000
ALONG = np.linspace(0, 1, VALUES)
SHAPES = {
    "concave": 0.9 - 0.5 * (1 - ALONG) ** 2,
    "straight": 0.4 + 0.4 * ALONG,
    "jump": 0.3 + 0.5 / (1 + np.exp(-20 * (ALONG - 0.6))),
    "bump": 0.55 + 0.25 * np.sin(1.3 * np.pi * ALONG),
    "ceiling": 0.97 - 0.05 * (1 - ALONG) ** 2,
    "partial": 0.9 - 0.5 * (1 - ALONG) ** 2,
    "equal": 0.9 - 0.5 * (1 - ALONG) ** 2,
    "ties": 0.4 + 0.4 * ALONG,
}


def main() -> None:
    asked = read_words(__doc__, SIZES)
    heads = ("matched", "width", "above", "below", "AUP base", "width", "AUP AXON", "width")
    print(f"{'shape':<9}{'n':>5}" + "".join(f"{head:>10}" for head in heads) + f"{'s':>8}")
    for shape in SHAPES:
        for n in asked.sizes:
            start = perf_counter()
            cells = tally(shape, n, asked.sweeps)
            spent = (perf_counter() - start) / asked.sweeps
            print(
                f"{shape:<9}{n:>5}" + "".join(f"{cell:>10.1%}" for cell in cells) + f"{spent:>8.2f}",
                flush=True,
            )


def tally(shape: str, n: int, sweeps: int) -> tuple[float, ...]:
    """The columns of one row of the table, without the seconds."""
    settings = describe()
    quality_S, nfe_S = truth(shape)
    sides = [np.flatnonzero([setting.group == group for setting in settings]) for group in ("base", "AXON")]
    first, last = (max(own(nfe_S[rows]) for rows in sides) for own in (np.min, np.max))
    budgets = tuple(first + share * (last - first) for share in (0.2, 0.5, 0.8))
    heights_2G = [
        heights(quality_S[None, rows], nfe_S[None, rows], quality_S[rows], np.array(budgets))[0][0]
        for rows in sides
    ]
    true_G = heights_2G[1] - heights_2G[0]
    fronts = [rows[front_order(quality_S[rows], nfe_S[rows])] for rows in sides]
    rng = np.random.default_rng([n, list(SHAPES).index(shape)])
    matched, parallel = [], []
    for _ in range(sweeps):
        sample = drawn(rng, shape, n)
        points = pd.DataFrame({"quality": means(sample.quality_SN), "nfe": means(sample.nfe_SN), "n": n})
        points["complete"], points["run"] = True, "run"
        draws = draw(sample)
        (own,) = match_nfe(points, settings, draws, Asked(nfe=budgets))
        for row, true in zip(own.rows, true_G, strict=True):
            lo, hi = row.difference.lo, row.difference.hi
            if not np.isnan(lo):  # a sample's own front may begin beyond the budget
                matched.append((lo - 1e-9 <= true <= hi + 1e-9, hi - lo, lo > true + 1e-9, hi < true - 1e-9))
        tokens = {name: means(values_SN) for name, values_SN in sample.further_costs.items()}
        cells: list[float] = []
        for found, rows in zip(aups(points, settings, draws, tokens), fronts, strict=True):
            true_area = float(area(LENGTH / nfe_S[rows], 100 * quality_S[rows], found.y_max))
            cells += [
                found.canvas.lo <= true_area <= found.canvas.hi,
                (found.canvas.hi - found.canvas.lo) / true_area,
            ]
        parallel.append(cells)
    return (*np.mean(matched, axis=0).tolist(), *np.mean(parallel, axis=0).tolist())


def truth(shape: str) -> tuple[Floats, Floats]:
    """Mean score and NFE of each setting, (S,) each."""
    quality_SN, nfe_SN = _outcomes(np.random.default_rng(1), shape, MANY)
    quality_S, nfe_S = quality_SN.mean(axis=1), nfe_SN.mean(axis=1)
    if shape == "ties":
        nfe_S[VALUES:] = np.tile(nfe_S[VALUES : 2 * VALUES], VARIANTS)
    return quality_S, nfe_S


def drawn(rng: np.random.Generator, shape: str, n: int) -> Sample:
    quality_SN, nfe_SN = _outcomes(rng, shape, n)
    lengths = dict(
        zip(TOKENS, (np.full_like(nfe_SN, LENGTH), np.full_like(nfe_SN, LENGTH), nfe_SN), strict=True)
    )
    return Sample(quality_SN, nfe_SN, lengths)


def _outcomes(rng: np.random.Generator, shape: str, n: int) -> tuple[Floats, Floats]:
    """Settings in the order of `describe`: the base's, then each variant's."""
    ease_N = rng.normal(size=n)
    quality, nfe = [], []
    for gain, own in zip((0.0, *GAINS), (1.0, *FASTER), strict=True):
        chance_V1 = np.clip(SHAPES[shape] + gain * (shape != "equal"), 0.01, 0.99)[:, None]
        noisy_VN = ease_N + 0.5 * rng.normal(size=(VALUES, n))
        if shape == "partial":
            quality.append(np.clip(chance_V1 + 0.15 * noisy_VN, 0, 1).round(2))
        else:
            quality.append((noisy_VN > norm.isf(chance_V1) * np.sqrt(1.25)).astype(np.float64))
        faster = {"equal": 1.0, "ties": FASTER[0]}.get(shape, own) if len(quality) > 1 else own
        skewed_VN = np.exp(0.3 * (rng.normal(size=(VALUES, n)) - ease_N) - 0.09)
        steps_V1 = (5 + 25 * ALONG[:, None]) * faster
        nfe.append(np.maximum(np.round(steps_V1 * skewed_VN), 1.0))
    return np.concatenate(quality), np.concatenate(nfe)


def describe() -> list[Setting]:
    """The settings, with as much as fronts need: group, decoder, identity."""
    return [_setting(variant, value) for variant in range(-1, VARIANTS) for value in range(VALUES)]


def _setting(variant: int, value: int) -> Setting:
    axon = {"gate": "never"} if variant < 0 else {"gate": "always", "anchors": variant}
    return Setting(
        id=f"{variant}/{value}",
        identity={"decoder": {"name": "confidence", "threshold": value}, "axon": axon},
        group="base" if variant < 0 else "AXON",
        knobs={},
        model=ModelSettings("simulated", None, "float32", "sdpa", "cpu", "raw"),
        task=TaskSettings("arith", "test", 0),
        decode=Decode(decoder=Confidence(), axon=AxonSettings(gate="never" if variant < 0 else "always")),
        seed=0,
        trade_off="decoder.threshold",
    )


if __name__ == "__main__":
    main()
