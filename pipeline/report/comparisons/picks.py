"""The two settings one would run: the fastest on either side that reach the base's best quality."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.report.comparisons.cohorts import Indices, Side
from pipeline.report.comparisons.effects import below
from pipeline.report.statistics.stats import Floats


@dataclass(frozen=True)
class Pick:
    """Rows of the points; `holds`: whether the one with AXON reaches the base's best quality, all but `within`."""

    base: int
    axon: int
    holds: bool
    within: float


def pick(points: pd.DataFrame, base: Side, variant: Side, margin: float) -> Pick:
    """`margin`: by how much less counts as equal, as in all else that is said of the two."""
    quality, nfe = (points[name].to_numpy(dtype=np.float64) for name in ("quality", "nfe"))
    base_rows, axon_rows = base.members[0], variant.members[0]
    best = np.nanmax(quality[base_rows])
    within = margin if best > margin else 0.0  # of so few examples that a quality of 0 would do as well
    bar = float(below(best, within))
    b, a = fastest_at(bar, base_rows, quality, nfe), fastest_at(bar, axon_rows, quality, nfe)
    return Pick(b, a, bool(quality[a] >= bar), within)


def fastest_at(bar: float, rows: Indices, quality_S: Floats, nfe_S: Floats) -> int:
    """The row with the lowest NFE among those with quality >= bar; the best one if none reaches it."""
    reaching = rows[quality_S[rows] >= bar]
    if len(reaching):
        return int(reaching[np.lexsort((-quality_S[reaching], nfe_S[reaching]))[0]])
    return int(rows[np.lexsort((nfe_S[rows], -quality_S[rows]))[0]])
