"""What a recipe's source published beside what the run came to: expected, got, and whether the two agree.

A figure agrees if one of the published values, as far as its decimals go, lies in the run's 95 % interval over
examples; where these all agree and so tell no interval (NFE with one token a step), if it is the run's figure.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from pipeline.inputs.config import DECODE_KEYS, Decode, ModelSettings
from pipeline.inputs.recipe import QUALITY, RecipeSettings, recipe_of
from pipeline.planning.setting import Setting
from pipeline.report.data.measures import METRIC
from pipeline.report.entries import Part
from pipeline.report.statistics import stats
from pipeline.report.statistics.stats import (
    UNKNOWN,
    Floats,
    Interval,
    draw_counts,
    mean_intervals,
    percentile_interval,
)
from pipeline.report.words.lacking import all_agree, too_few
from pipeline.report.words.phrases import bracketed, counted, listed, number
from pipeline.runs.run import Run
from pipeline.tasks import TaskSettings

# Numerator and denominator of tokens per forward pass, by what the source counts (recipe.expected.tpf_counts).
TPF = {
    "canvas": ("TPF", "tokens_generated", "nfe"),
    "to_eos": ("TPF to EOS", "tokens_to_eos", "nfe_to_eos"),
}
FEWEST = 30  # scored examples; an interval over fewer would contain almost anything
WITHIN, OUTSIDE = "within", "not within"
# Words of a command that change neither a token nor a score, nor which examples are decoded.
NEUTRAL = (
    "job",
    "recipe",
    "out",
    "store",
    "batch_size",
    "slice_size",
    "cluster",
    "wandb",
    "sandbox",
    "timing",
)

_DECODE, _MODEL, _TASK = TypeAdapter(Decode), TypeAdapter(ModelSettings), TypeAdapter(TaskSettings)


@dataclass(frozen=True)
class Figure:
    """One published figure against the run's. `decimals`: with how many it is shown."""

    name: str
    expected: tuple[float, ...]
    got: Interval
    outcome: str  # within, not within, or why it can't be compared
    decimals: int

    @property
    def texts(self) -> tuple[str, str, str, str, str]:
        """name, expected, got, interval, outcome."""
        published = " or ".join(f"{value:g}" for value in self.expected)
        return (
            self.name,
            published,
            number(self.got.estimate, self.decimals),
            bracketed(self.got.lo, self.got.hi, self.decimals).lstrip(),
            self.outcome,
        )


@dataclass(frozen=True)
class Check:
    """A recipe's figures against one run of it."""

    recipe: RecipeSettings
    figures: tuple[Figure, ...]
    remarks: tuple[str, ...]  # what was not repeated, and what the figures rest on


def check_recipes(runs: Sequence[Run], names: Sequence[str], parts: Sequence[Part]) -> tuple[Check, ...]:
    """One check for each run that has a recipe. `names`: of the runs, as in the parts' entries."""
    return tuple(
        _check(recipe, run, _rows(run, name, parts))
        for run, name in zip(runs, names, strict=True)
        if (recipe := recipe_of(run.config)) is not None
    )


def table(checks: Sequence[Check]) -> pd.DataFrame:
    """recipe.csv: a row per figure; NaN where there is nothing."""
    rows = [
        {
            "recipe": check.recipe.name,
            "figure": figure.name,
            "expected": figure.expected[0],
            "expected_2": figure.expected[1] if len(figure.expected) > 1 else math.nan,
            "got": figure.got.estimate,
            "got_lo": figure.got.lo,
            "got_hi": figure.got.hi,
            "outcome": figure.outcome,
            "source": check.recipe.source,
        }
        for check in checks
        for figure in check.figures
    ]
    return pd.DataFrame(rows)


def _check(recipe: RecipeSettings, run: Run, rows: pd.DataFrame | None) -> Check:
    if rows is None:
        missing = "None of the settings is the recipe's own: each differs from it in what the sweep varies."
        return Check(recipe, (), (missing, *_beside(run.command), *recipe.notes))
    figures = tuple(_figures(recipe, rows))
    return Check(
        recipe,
        figures,
        (
            *_scope(recipe, rows),
            *_without_interval(figures, len(rows)),
            *_beside(run.command),
            *_speed(recipe),
            *recipe.notes,
        ),
    )


def _rows(run: Run, name: str, parts: Sequence[Part]) -> pd.DataFrame | None:
    """The scored records of the setting that the recipe describes; None if the run has no such setting.

    Of a setting with several seeds their means, and in `answers` how many scores of 0 and 1 they are of.
    """
    for part in parts:
        for point, entry in enumerate(part.entries):
            if entry.run == name and any(_repeats(own, run.config) for own in entry.members):
                rows = part.averaged[part.averaged["point"] == point]
                return rows.assign(answers=part.shares.get(point, 0))
    return None


def _repeats(setting: Setting, config: Mapping[str, Any]) -> bool:
    """Whether the setting has the very values of the run's config, which a sweep may have left."""
    decode = {**_DECODE.dump_python(setting.decode, mode="json")}
    if config.get("block_length") is None:  # then it was the model's own
        decode["block_length"] = None
    return (
        all(config.get(key) == decode[key] for key in DECODE_KEYS)
        and _model_of(config) == setting.model
        and config.get("task") == _TASK.dump_python(setting.task, mode="json")
        and config.get("seed") == setting.seed
    )


def _model_of(config: Mapping[str, Any]) -> ModelSettings | None:
    """With the defaults of keys that a run.json of an earlier version lacks; None if it can't be read."""
    try:
        return _MODEL.validate_json(json.dumps(config.get("model")), strict=True)
    except ValidationError:
        return None


def _figures(recipe: RecipeSettings, rows: pd.DataFrame) -> Iterator[Figure]:
    """Those that were published. `rows`: scored records of one setting."""
    expected = recipe.expected
    if expected.accuracy is not None:
        yield _figure("accuracy, %", expected.accuracy, rows, lambda: _accuracy(recipe.metric, rows), 1, 1)
    if expected.nfe is not None:
        every = rows.assign(examples=1.0)
        yield _figure("NFE", (expected.nfe,), rows, lambda: _ratio(every, "nfe", "examples"), 1, 0)
    if expected.tpf is not None:
        name, above, below = TPF[expected.tpf_counts]
        yield _figure(name, (expected.tpf,), rows, lambda: _ratio(rows, above, below), 2, 1)


def _figure(
    name: str,
    expected: tuple[float, ...],
    rows: pd.DataFrame,
    got: Callable[[], Interval],
    decimals: int,
    published: int,
) -> Figure:
    """`published`: the decimals that such figures are published with, at least."""
    if rows.empty:
        return Figure(name, expected, UNKNOWN, "not comparable: no example was scored", decimals)
    found = got()
    if math.isnan(found.estimate):
        return Figure(name, expected, found, "not comparable: the records lack it", decimals)
    if len(rows) < FEWEST:
        outcome = f"not comparable: {counted(len(rows), 'example')}, fewer than {FEWEST}"
    else:
        outcome = WITHIN if any(_agrees(value, found, published) for value in expected) else OUTSIDE
    return Figure(name, expected, found, outcome, decimals)


def _agrees(value: float, got: Interval, decimals: int) -> bool:
    """A published 78.6 may have been anything from 78.55 to 78.65."""
    half = 0.5 * 10.0 ** -max(decimals, len(f"{value:g}".partition(".")[2]))
    lo, hi = (got.estimate if math.isnan(end) else end for end in got[1:])  # unknown where all examples agree
    return lo - half <= value <= hi + half


def _accuracy(metric: str, rows: pd.DataFrame) -> Interval:
    """In per cent; unknown where a record lacks the metric."""
    if metric == QUALITY:
        values_N = _numbers(rows["score"])
    else:
        column = f"{METRIC}{metric}"
        values_N = _numbers(rows[column]) if column in rows else np.full(len(rows), np.nan)
    if np.isnan(values_N).any():
        return UNKNOWN
    answers = int(rows["answers"].iloc[0]) if metric == QUALITY else 0
    shares = {0: answers} if answers else {}
    [found] = mean_intervals(values_N[None], draw_counts(len(values_N)), shares=shares)
    return Interval(*(100 * value for value in found))


def _ratio(rows: pd.DataFrame, above: str, below: str) -> Interval:
    """A ratio of sums, with the bootstrap's interval over examples."""
    above_N, below_N = _numbers(rows[above]), _numbers(rows[below])
    both_N = ~np.isnan(above_N) & ~np.isnan(below_N)
    counts_BN = draw_counts(int(both_N.sum()))
    below_B = counts_BN @ below_N[both_N]
    if not both_N.any() or not (below_B > 0).all():
        return UNKNOWN
    estimate = float(above_N[both_N].sum() / below_N[both_N].sum())
    return percentile_interval(estimate, counts_BN @ above_N[both_N] / below_B, int(both_N.sum()))


def _numbers(column: pd.Series[Any]) -> Floats:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _scope(recipe: RecipeSettings, rows: pd.DataFrame) -> list[str]:
    """How many of the examples there are, if not all."""
    if len(rows) == recipe.examples:
        return []
    return [f"On {counted(len(rows), 'scored example')} of the recipe's {recipe.examples:,}."]


def _without_interval(figures: Sequence[Figure], n: int) -> list[str]:
    what = [own.name for own in figures if math.isnan(own.got.lo) and not math.isnan(own.got.estimate)]
    return [(too_few if n < stats.FEWEST else all_agree)(what)] if what else []


def _speed(recipe: RecipeSettings) -> list[str]:
    speed, gpu = recipe.expected.tokens_per_second, recipe.expected.gpu
    if speed is None:
        return []
    return [f"Not compared: {speed:g} tokens per second on {gpu}; job=time measures speed."]


def _beside(command: str) -> list[str]:
    """What the command gave beside the recipe, and so need not be as published."""
    given = [word for word in shlex.split(command) if "=" in word or word.startswith("~")]
    own = [word for word in given if word.lstrip("+~").partition("=")[0].split(".")[0] not in NEUTRAL]
    return [f"Given beside the recipe: {listed(own)}."] if own else []
