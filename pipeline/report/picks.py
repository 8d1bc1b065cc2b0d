"""The two settings one would run: the fastest of either side that hold the base's best quality."""

import numpy as np
import pandas as pd

from pipeline.report.cohorts import Indices, Side
from pipeline.report.effects import MARGIN
from pipeline.report.stats import Floats


def pick_sentence(points: pd.DataFrame, base: Side, variant: Side) -> str:
    """Named with their figures but without an interval: they were picked on the same examples, which flatters them."""
    quality, nfe = (points[name].to_numpy(dtype=np.float64) for name in ("quality", "nfe"))
    base_rows, axon_rows = base.members[0], variant.members[0]
    bar = float(np.nanmax(quality[base_rows])) - MARGIN
    b, a = fastest_at(bar, base_rows, quality, nfe), fastest_at(bar, axon_rows, quality, nfe)
    holds = quality[a] >= bar
    aim = f"To hold the base's best quality (within {MARGIN:g})"
    start = f"{aim}, run" if holds else f"{aim} no setting of this variant will do; the nearest"
    return (
        f"{start}: {points['label'].iloc[b]} alone ({quality[b]:.3f} in {nfe[b]:.1f} steps), "
        f"with AXON {points['label'].iloc[a]} ({quality[a]:.3f} in {nfe[a]:.1f}); read off the same examples."
    )


def fastest_at(bar: float, rows: Indices, quality_S: Floats, nfe_S: Floats) -> int:
    """The row with the fewest steps among those with quality >= bar; the best one when none reaches it."""
    reaching = rows[quality_S[rows] >= bar]
    if len(reaching):
        return int(reaching[np.lexsort((-quality_S[reaching], nfe_S[reaching]))[0]])
    return int(rows[np.lexsort((nfe_S[rows], -quality_S[rows]))[0]])
