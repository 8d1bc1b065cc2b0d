"""A fine grid of settings that was decoded once, to be searched many times: scores and passes, settings by examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.inputs.dotted import flatten
from pipeline.planning.setting import Setting
from pipeline.runs.opened import open_run
from pipeline.search import Candidate, Region


@dataclass(frozen=True)
class Recorded:
    """A task's fine grid: scores and passes, settings by examples."""

    settings: Sequence[Setting]
    space: tuple[Region, ...]
    defaults: Mapping[str, Any]
    quality_SN: np.ndarray
    nfe_SN: np.ndarray
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
            lines.setdefault(_line(setting.group, own), {})[value] = row
        quality_SN, nfe_SN = (wide[name].loc[ids].to_numpy(dtype=np.float64) for name in ("score", "nfe"))
        return cls(run.settings, space, flatten(run.config), quality_SN, nfe_SN, lines)

    def run(self, seed: int, examples: int | None) -> Recorded:
        """With the examples in another order; or with as many as that, drawn with replacement."""
        rng, recorded = np.random.default_rng(seed), self.quality_SN.shape[1]
        order = rng.permutation(recorded) if examples is None else rng.integers(recorded, size=examples)
        return replace(self, quality_SN=self.quality_SN[:, order], nfe_SN=self.nfe_SN[:, order])

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
            }
        )

    def nearest(self, candidate: Candidate) -> int:
        knobs = dict(candidate.knobs)
        wanted = knobs.pop(str(self.settings[0].trade_off))
        own = self.lines[_line(candidate.group, knobs)]
        return own[min(own, key=lambda value: (abs(value - wanted), value))]


def _line(group: str, knobs: Mapping[str, Any]) -> str:
    return repr((group, sorted(knobs.items())))
