"""Settings that differ in nothing but the seed, as one point: the means of each example over them, and their spread.

A seed is a draw of one setting's decodes. Were each a point of its own, a front would take the luckiest. An example
counts once, with its mean over the seeds that have it, so that the bootstrap over examples keeps all seeds of an
example together: n is the number of examples, however many seeds there are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.counted import counted

Floats = NDArray[np.float64]

APART = ("run", "point", "position", "trace", "scored")  # columns that have no mean


def seeds_text(examples: Sequence[int]) -> str:
    """`3 seeds`, `2 of 3 seeds`, by how many examples each has records of."""
    begun = sum(own > 0 for own in examples)
    several = counted(len(examples), "seed")
    return several if begun in (0, len(examples)) else f"{begun} of {several}"


def average(rows: pd.DataFrame, points: Collection[int]) -> pd.DataFrame:
    """The rows with an example of these points once: numbers are means over its rows, a seed's each."""
    if not points:
        return rows
    several = rows["point"].isin(list(points))
    own = rows[several]
    numbers = [name for name in own if name not in APART and pd.api.types.is_numeric_dtype(own[name].dtype)]
    means = own.groupby(["point", "example_id"], observed=True, sort=False)[numbers].mean()
    once = own.drop_duplicates(["point", "example_id"])  # in the same order: of first appearance
    averaged = once.assign(**{str(name): means[name].to_numpy() for name in numbers})
    return pd.concat([rows[~several], averaged], ignore_index=True)


def shares(rows: pd.DataFrame, points: Collection[int]) -> dict[int, int]:
    """Of the points whose scores are 0 and 1 alone, so that means over seeds are shares of right answers, how many."""
    own = rows[rows["point"].isin(list(points))]
    found = own["score"].isin([0.0, 1.0]).groupby(own["point"]).agg(["all", "size"])
    return {int(str(point)): int(size) for point, size in found.loc[found["all"], "size"].items()}


def spreads(rows: pd.DataFrame, points: Collection[int]) -> Mapping[int, float]:
    """The standard deviation over seeds of the mean score, by point; NaN of a single seed.

    On the examples that every seed with a score has: seeds of different examples differ by these, too.
    """
    own = rows[rows["point"].isin(list(points))]
    seed_N, example_N = (own[name].cat.codes.to_numpy() for name in ("setting_id", "example_id"))
    score_N = own["score"].to_numpy(dtype=np.float64)
    found = {}
    for point, at in own.groupby("point").indices.items():
        seeds, seed = np.unique(seed_N[at], return_inverse=True)
        examples, example = np.unique(example_N[at], return_inverse=True)
        score_KN = np.full((len(seeds), len(examples)), np.nan)
        score_KN[seed, example] = score_N[at]
        common_KN = score_KN[:, ~np.isnan(score_KN).any(axis=0)]
        enough = len(seeds) > 1 and common_KN.shape[1] > 0
        # Rounded: equal means have no spread, whatever the order of summation.
        found[int(str(point))] = round(float(common_KN.mean(axis=1).std(ddof=1)), 12) if enough else np.nan
    return found
