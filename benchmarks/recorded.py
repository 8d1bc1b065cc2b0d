"""A fine grid of settings that was decoded once, to be searched many times: scores and passes, settings by examples."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.inputs.dotted import flatten
from pipeline.planning.line import tells_leeway
from pipeline.planning.setting import Setting
from pipeline.runs.opened import open_run
from pipeline.search import Candidate, Region

TRACE = ("tokens", "revealed_at", "axon_steps")


@dataclass(frozen=True)
class Recorded:
    """A task's fine grid: scores, passes and decodes, settings by examples."""

    settings: Sequence[Setting]
    space: tuple[Region, ...]
    defaults: Mapping[str, Any]
    quality_SN: np.ndarray
    nfe_SN: np.ndarray
    above_SN: np.ndarray  # the values of the trade-off parameter between which the decode is the same,
    below_SN: np.ndarray  # as far as the grid shows
    lines: Mapping[str, Mapping[float, int]]  # the knobs but for the trade-off parameter -> its values -> row

    @classmethod
    def of(cls, folder: Path, tolerance: float) -> Recorded:
        opened = open_run(folder)
        run, records = opened.run, opened.records
        wide = records.pivot(index="setting_id", columns="position")
        ids = [setting.id for setting in run.settings]
        space = tuple(
            Region(
                **{
                    **region,
                    "grid": {key: tuple(own) for key, own in region["grid"].items()},
                    "tolerance": tolerance,
                }
            )
            for region in run.space
        )
        lines: dict[str, dict[float, int]] = {}
        for row, setting in enumerate(run.settings):
            own = dict(setting.knobs)
            value = own.pop(str(setting.trade_off))
            lines.setdefault(line_key(setting.group, own), {})[value] = row
        quality_SN, nfe_SN = (wide[name].loc[ids].to_numpy(dtype=np.float64) for name in ("score", "nfe"))
        codes: dict[Any, int] = {}
        traces = zip(*(records[name].map(tuple) for name in TRACE), strict=True)
        coded = records[["setting_id", "position"]].assign(
            trace=[codes.setdefault(trace, len(codes)) for trace in traces]
        )
        trace_SN = coded.pivot(index="setting_id", columns="position", values="trace").loc[ids].to_numpy()
        ends = _leeways(trace_SN, lines)
        return cls(run.settings, space, flatten(run.config), quality_SN, nfe_SN, *ends, lines)

    def run(self, seed: int, examples: int | None) -> Recorded:
        """With the examples in another order; or with as many as that, drawn with replacement."""
        rng, recorded = np.random.default_rng(seed), self.quality_SN.shape[1]
        order = rng.permutation(recorded) if examples is None else rng.integers(recorded, size=examples)
        names = ("quality_SN", "nfe_SN", "above_SN", "below_SN")
        own = {name: getattr(self, name)[:, order] for name in names}
        return replace(self, **own)

    def alone(self) -> Recorded:
        """With no decode that holds under another value."""
        nowhere_SN = np.full(self.nfe_SN.shape, np.nan)
        return replace(self, above_SN=nowhere_SN, below_SN=nowhere_SN)

    def repeated(self, row: int, there_SN: np.ndarray) -> np.ndarray:
        """Examples (N,) whose decode repeats that of a setting of the line which is there."""
        line = next(own for own in self.lines.values() if row in own.values())
        found = np.zeros(there_SN.shape[1], dtype=bool)
        if not tells_leeway(self.settings[row]):
            return found
        value = next(value for value, other in line.items() if other == row)
        for other in line.values():
            found |= there_SN[other] & (self.above_SN[other] < value) & (value < self.below_SN[other])
        return found

    @property
    def records(self) -> pd.DataFrame:
        """A row an example of a setting."""
        size = self.quality_SN.shape[1]
        return pd.DataFrame(
            {
                "setting_id": np.repeat([setting.id for setting in self.settings], size),
                "position": np.tile(np.arange(size), len(self.settings)),
                "score": self.quality_SN.ravel(),
                "nfe": self.nfe_SN.ravel(),
                "above": self.above_SN.ravel(),
                "below": self.below_SN.ravel(),
            }
        )

    def nearest(self, candidate: Candidate) -> int:
        knobs = dict(candidate.knobs)
        wanted = knobs.pop(str(self.settings[0].trade_off))
        own = self.lines[line_key(candidate.group, knobs)]
        return own[min(own, key=lambda value: (abs(value - wanted), value))]


def line_key(group: str, knobs: Mapping[str, Any]) -> str:
    return repr((group, sorted(knobs.items())))


def _leeways(trace_SN: np.ndarray, lines: Mapping[str, Mapping[float, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Above and below which values decodes are the same, (S, N) each: up to half the way to a value of the line where
    they differ, as what is asked for is taken from the nearest.

    `trace_SN`: equal numbers in a column are equal decodes, step by step.
    """
    above_SN, below_SN = np.full(trace_SN.shape, -np.inf), np.full(trace_SN.shape, np.inf)
    for line in lines.values():
        ascending = sorted(line.items())
        for (low, before), (high, row) in itertools.pairwise(ascending):
            same_N = trace_SN[before] == trace_SN[row]
            above_SN[row] = np.where(same_N, above_SN[before], (low + high) / 2)
        for (high, before), (low, row) in itertools.pairwise(reversed(ascending)):
            same_N = trace_SN[before] == trace_SN[row]
            below_SN[row] = np.where(same_N, below_SN[before], (low + high) / 2)
    return above_SN, below_SN
