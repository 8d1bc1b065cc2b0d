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
for that choice as in bands.py; y_max is a parameter and stays.

Source: hao-ai-lab/d3LLM, AUP_leaderboard/aup_utils.py (get_aup) and main.py (y_max: of all methods on a task);
hao-ai-lab/hao-ai-lab.github.io, content/blogs/text-diffusion/index.md; arXiv 2601.07568.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.planning.setting import Setting
from pipeline.report import stats
from pipeline.report.pareto import front_order, non_dominated
from pipeline.report.sample import Draws
from pipeline.report.sides import Side, sides_of
from pipeline.report.stats import Floats, Interval

ALPHA = 3.0
MARGIN = 5.0  # percentage points below y_1, up to which a point counts
NEAR = 1.0  # percentage points below its best, within which a front's fastest setting is looked for
TOKENS = ("tokens_generated", "tokens_to_eos", "nfe_to_eos")

Tokens = Mapping[str, Floats]  # the settings' means of TOKENS, (S,) each


@dataclass(frozen=True)
class Aup:
    """Of one front. `pairs`: (TPF, accuracy in percent) of its settings by rising TPF, those within MARGIN only."""

    side: Side
    pairs: tuple[tuple[float, float], ...]
    left_out: int  # settings of the front below the margin
    y_max: float
    pool: tuple[str, ...]  # the names of the fronts that y_max is of
    canvas: Interval
    to_eos: Interval  # TPF up to the end of text; NaN where its steps were not counted
    near: Interval  # the highest TPF of a setting at most NEAR below the front's best accuracy: of no pool


def aups(points: pd.DataFrame, settings: Sequence[Setting], draws: Draws, tokens: Tokens) -> tuple[Aup, ...]:
    """One per front whose tokens are known. `settings`: one per point; `draws`: of the points, TOKENS too."""
    sides = [
        side
        for side in sides_of(points, settings)
        if not np.isnan(tokens["tokens_generated"][side.rows]).any()
    ]
    if not sides:
        return ()
    quality = points["quality"].to_numpy(dtype=np.float64)
    y_max = 100 * float(quality[np.concatenate([side.rows for side in sides])].max())
    pool = tuple(side.name for side in sides)
    nfe = points["nfe"].to_numpy(dtype=np.float64)
    return tuple(_aup(side, quality, nfe, draws, tokens, y_max, pool) for side in sides)


def area(tpf: Floats, accuracy: Floats, y_max: float) -> Floats:
    """AUP of points in any order, (..., F) -> (...); those with a NaN are left out, NaN where none is left."""
    tpf, accuracy = kept(tpf, accuracy)
    ratio = accuracy / y_max if y_max > 0 else np.ones_like(accuracy)
    weighted = accuracy * np.minimum(np.exp(-ALPHA * (1 - ratio)), 1.0)
    slices = np.diff(tpf, axis=-1) * (weighted[..., 1:] + weighted[..., :-1]) / 2
    found: Floats = tpf[..., 0] * accuracy[..., 0] + slices.sum(axis=-1)
    return found


def kept(tpf: Floats, accuracy: Floats) -> tuple[Floats, Floats]:
    """By rising TPF the points within MARGIN of the first, (..., F); places left over repeat the last of them."""
    tpf, accuracy = _rising(tpf, accuracy, np.isnan(tpf) | np.isnan(accuracy))
    return _rising(tpf, accuracy, ~(accuracy >= accuracy[..., :1] - MARGIN))


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
) -> Aup:
    rows = side.rows
    quality_F, nfe_F = quality_S[rows], nfe_S[rows]
    on_F = np.zeros(len(rows), dtype=np.bool_)
    on_F[front_order(quality_F, nfe_F)] = True
    accuracy_F = 100 * np.where(on_F, quality_F, np.nan)
    canvas_F = tokens["tokens_generated"][rows] / nfe_F
    ended_F = tokens["tokens_to_eos"][rows] / tokens["nfe_to_eos"][rows]
    canvas: list[list[Floats]] = []
    ended: list[list[Floats]] = []
    near: list[Floats] = []
    for quality_bF, nfe_bF, tokens_bF, to_eos_bF, nfe_to_eos_bF in draws.blocks(rows, "nfe", *TOKENS):
        on_bF = non_dominated(quality_bF, nfe_bF)
        accuracy_bF, seen_bF = (
            100 * np.where(on_bF, own, np.nan) for own in (quality_bF, draws.quality_S[rows])
        )
        for found, tpf_bF in ((canvas, tokens_bF / nfe_bF), (ended, to_eos_bF / nfe_to_eos_bF)):
            found.append([area(tpf_bF, own_bF, y_max) for own_bF in (accuracy_bF, seen_bF)])
        near.append(fastest_near(tokens_bF / nfe_bF, accuracy_bF))

    def interval(tpf_F: Floats, drawn: list[list[Floats]]) -> Interval:
        found_B, seen_B = np.concatenate(drawn, axis=1)
        plain = stats.percentile_interval(float(area(tpf_F, accuracy_F, y_max)), found_B)
        flattered = max(float(np.nanmean(found_B - seen_B)), 0.0) if np.isfinite(plain.lo) else 0.0
        return plain._replace(lo=max(plain.lo - 2 * flattered, 0.0))

    tpf, accuracy = kept(canvas_F, accuracy_F)
    pairs = tuple(dict.fromkeys(zip(tpf.tolist(), accuracy.tolist(), strict=True)))
    return Aup(
        side,
        pairs,
        int(on_F.sum()) - len(pairs),
        y_max,
        pool,
        interval(canvas_F, canvas),
        interval(ended_F, ended),
        stats.percentile_interval(float(fastest_near(canvas_F, accuracy_F)), np.concatenate(near)),
    )


def fastest_near(tpf: Floats, accuracy: Floats) -> Floats:
    """The highest TPF at an accuracy at most NEAR below the best, (..., F) -> (...); NaN without a known accuracy."""
    best = np.where(np.isnan(accuracy), -np.inf, accuracy).max(axis=-1, keepdims=True)
    found: Floats = np.where(accuracy >= best - NEAR, tpf, -np.inf).max(axis=-1)
    return np.where(np.isfinite(found), found, np.nan)
