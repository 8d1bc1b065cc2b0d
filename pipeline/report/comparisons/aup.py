"""Accuracy under parallelism (AUP), as d3LLM defines it, of every front of a facet.

AUP is the area under accuracy (in percent) against tokens per forward (TPF), weighted by how far accuracy is below
the best of a pool of methods:

    AUP = tpf_1 y_1 + sum over i of (tpf_i - tpf_{i-1}) (y_i W(y_i) + y_{i-1} W(y_{i-1})) / 2
    W(y) = min(exp(-alpha (1 - y / y_max)), 1)

over the points by rising TPF with y_i >= y_1 - 5. It depends on alpha, on that margin, on y_max and so on the pool, and
on which points of a method are given. Here a method is a front of the report, its points are that front's settings,
and the pool is the report's fronts of the same task and model.

TPF is the tokens of all examples by the steps of all examples. d3LLM's figures count the whole canvas, so that one
token a step is TPF 1; up to the end of text it is less, so both are given.

Intervals are of the bootstrap over examples, with fronts chosen anew in every replicate and their lower ends lowered
for that choice as in bands.py; y_max is a parameter and stays. On few examples one answer moves a point across the
margin of 5, which few replicates show: lower ends are of a margin smaller by ANSWERS answers (effects.py), upper ends
of one larger by as much.

Of no pool is the TPF at which a side's mixes (mixes.py) are a margin (effects.py) below its best accuracy, with the
lower end lowered as a saving's is. The fastest setting that is as near the best is chosen by luck: intervals of its TPF
covered 33 to 98 % (LOG.md, 2026-11-26).

Source: hao-ai-lab/d3LLM, AUP_leaderboard/aup_utils.py (get_aup) and main.py (y_max: of all methods on a task);
hao-ai-lab/hao-ai-lab.github.io, content/blogs/text-diffusion/index.md; arXiv 2601.07568.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.planning.setting import Setting
from pipeline.report.comparisons.effects import ANSWERS, MIN_EXAMPLES, margin
from pipeline.report.statistics import stats
from pipeline.report.statistics.fronts import reach_or_highest
from pipeline.report.statistics.mixes import mixes
from pipeline.report.statistics.pareto import front_order, non_dominated
from pipeline.report.statistics.sample import Draws
from pipeline.report.statistics.sides import Side, sides_of
from pipeline.report.statistics.stats import Floats, Interval

ALPHA = 3.0
MARGIN = 5.0  # percentage points below y_1, up to which a point counts
ROUNDING = 1e-9  # 100 * 0.55 is a little more than 55, and 50 is within the margin of it
TOKENS = ("tokens_generated", "tokens_to_eos", "nfe_to_eos")

Tokens = Mapping[str, Floats]  # the settings' means of TOKENS, (S,) each


@dataclass(frozen=True)
class Aup:
    """Of one front. `pairs`: (TPF, accuracy in percent) of its settings by rising TPF, those within MARGIN only."""

    side: Side
    n: int  # the fewest examples of any of its settings
    pairs: tuple[tuple[float, float], ...]
    left_out: int  # settings of the front below the margin
    y_max: float
    pool: tuple[str, ...]  # the names of the fronts that y_max is of
    canvas: Interval
    to_eos: Interval  # TPF up to the end of text; NaN where its steps were not counted
    near: Interval  # the highest TPF of a mix of settings a margin (effects.py) below the best: of no pool


def aups(points: pd.DataFrame, settings: Sequence[Setting], draws: Draws, tokens: Tokens) -> tuple[Aup, ...]:
    """One per front of MIN_EXAMPLES and more whose tokens are known.

    `settings`: one per point; `draws`: of the points, TOKENS too.
    """
    n_S = points["n"].to_numpy()
    sides = [
        side
        for side in sides_of(points, settings)
        if n_S[side.rows].min() >= MIN_EXAMPLES and not np.isnan(tokens["tokens_generated"][side.rows]).any()
    ]
    if not sides:
        return ()
    quality = points["quality"].to_numpy(dtype=np.float64)
    y_max = 100 * float(quality[np.concatenate([side.rows for side in sides])].max())
    pool = tuple(side.name for side in sides)
    nfe = points["nfe"].to_numpy(dtype=np.float64)
    return tuple(
        _aup(side, quality, nfe, draws, tokens, y_max, pool, int(n_S[side.rows].min())) for side in sides
    )


def area(tpf: Floats, accuracy: Floats, y_max: float, within: float = MARGIN) -> Floats:
    """AUP of points in any order, (..., F) -> (...); those with a NaN are left out, NaN where none is left."""
    tpf, accuracy = kept(tpf, accuracy, within)
    ratio = accuracy / y_max if y_max > 0 else np.ones_like(accuracy)
    weighted = accuracy * np.minimum(np.exp(-ALPHA * (1 - ratio)), 1.0)
    slices = np.diff(tpf, axis=-1) * (weighted[..., 1:] + weighted[..., :-1]) / 2
    found: Floats = tpf[..., 0] * accuracy[..., 0] + slices.sum(axis=-1)
    return found


def kept(tpf: Floats, accuracy: Floats, within: float = MARGIN) -> tuple[Floats, Floats]:
    """By rising TPF the points at most `within` below the first, (..., F); places left over repeat the last of them."""
    tpf, accuracy = _rising(tpf, accuracy, np.isnan(tpf) | np.isnan(accuracy))
    return _rising(tpf, accuracy, ~(accuracy >= accuracy[..., :1] - within - ROUNDING))


def _rising(tpf: Floats, accuracy: Floats, without: np.ndarray) -> tuple[Floats, Floats]:
    order = np.argsort(np.where(without, np.inf, tpf), axis=-1, kind="stable")
    last = np.maximum((~without).sum(axis=-1, keepdims=True) - 1, 0)
    order = np.take_along_axis(order, np.minimum(np.arange(order.shape[-1]), last), axis=-1)
    return np.take_along_axis(tpf, order, axis=-1), np.take_along_axis(accuracy, order, axis=-1)


def _aup(
    side: Side,
    quality_S: Floats,
    nfe_S: Floats,
    draws: Draws,
    tokens: Tokens,
    y_max: float,
    pool: tuple[str, ...],
    n: int,
) -> Aup:
    rows = side.rows
    quality_F, nfe_F = quality_S[rows], nfe_S[rows]
    on_F = np.zeros(len(rows), dtype=np.bool_)
    on_F[front_order(quality_F, nfe_F)] = True
    accuracy_F = 100 * np.where(on_F, quality_F, np.nan)
    canvas_F = tokens["tokens_generated"][rows] / nfe_F
    ended_F = tokens["tokens_to_eos"][rows] / tokens["nfe_to_eos"][rows]
    drawn = [
        _replicates(block, draws.quality_S[rows], y_max, n) for block in draws.blocks(rows, "nfe", *TOKENS)
    ]
    areas_4B, ended_4B, near_2B = (np.concatenate(own, axis=1) for own in zip(*drawn, strict=True))
    tpf, accuracy = kept(canvas_F, accuracy_F)
    pairs = tuple(dict.fromkeys(zip(tpf.tolist(), accuracy.tolist(), strict=True)))
    near, _ = near_best(quality_F[None], 1 / canvas_F[None], quality_F, margin(n))
    return Aup(
        side,
        n,
        pairs,
        int(on_F.sum()) - len(pairs),
        y_max,
        pool,
        _interval(area(canvas_F, accuracy_F, y_max), areas_4B, n),
        _interval(area(ended_F, accuracy_F, y_max), ended_4B, n),
        _near(near[0], near_2B, n),
    )


def _replicates(
    block: Sequence[Floats], seen_F: Floats, y_max: float, n: int
) -> tuple[Floats, Floats, Floats]:
    """Of b replicates, given as quality, NFE and TOKENS, (b, F) each; `seen_F`: quality in the sample.

    AUP of the canvas and up to the end of text, (4, b) each: as it is, by `seen_F`, of the smaller and of the larger
    margin; and what `near_best` returns, (2, b).
    """
    quality_bF, nfe_bF, tokens_bF, to_eos_bF, nfe_to_eos_bF = block
    on_bF = non_dominated(quality_bF, nfe_bF)
    accuracy_bF, own_bF = (100 * np.where(on_bF, own, np.nan) for own in (quality_bF, seen_F))
    grain = 100 * ANSWERS / n

    def areas(tpf_bF: Floats) -> Floats:
        margins = MARGIN, max(MARGIN - grain, 0.0), MARGIN + grain
        found, least, most = (area(tpf_bF, accuracy_bF, y_max, within) for within in margins)
        return np.array([found, area(tpf_bF, own_bF, y_max), least, most])

    near = np.array(near_best(quality_bF, nfe_bF / tokens_bF, seen_F, margin(n)))
    return areas(tokens_bF / nfe_bF), areas(to_eos_bF / nfe_to_eos_bF), near


def _interval(estimate: Floats, drawn_4B: Floats, n: int) -> Interval:
    found_B, seen_B, least_B, most_B = drawn_4B
    lo, hi = (stats.percentile_interval(float(estimate), own_B, n) for own_B in (least_B, most_B))
    if not np.isfinite([lo.lo, hi.hi]).all():
        return stats.UNKNOWN._replace(estimate=lo.estimate)
    flattered = max(float(np.nanmean(found_B - seen_B)), 0.0)
    return Interval(lo.estimate, max(lo.lo - 2 * flattered, 0.0), hi.hi)


def _near(estimate: float, drawn_2B: Floats, n: int) -> Interval:
    near_B, seen_B = drawn_2B
    plain = stats.percentile_interval(float(estimate), near_B, n)
    flattered = max(float(np.nanmean(near_B / seen_B)), 1.0) if np.isfinite(plain.lo) else 1.0
    return plain._replace(lo=plain.lo / flattered**2)


def near_best(quality_BF: Floats, steps_BF: Floats, seen_F: Floats, below: float) -> tuple[Floats, Floats]:
    """The highest TPF of a mix whose quality is at most `below` lower than the best, and that of the same mixes by what
    their settings score in the sample; (B,) each, NaN for a replicate without a known quality.
    """
    best = mixes(quality_BF, steps_BF, seen_F)
    level_B = best.quality_BC.max(axis=1) - below
    own_B, seen_B = (1 / reach_or_highest(line, level_B) for line in (best.line, best.seen))
    unknown_B = np.isnan(level_B)
    return np.where(unknown_B, np.nan, own_B), np.where(unknown_B, np.nan, seen_B)
