"""The two settings one would run: the fastest on either side that reach the base's best quality."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.report.cohorts import Indices, Side
from pipeline.report.effects import below
from pipeline.report.phrases import label_phrase
from pipeline.report.stats import Floats


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


def pick_sentence(points: pd.DataFrame, base: Side, variant: Side, margin: float) -> str:
    """With figures but without intervals: they are selected on the same examples, which is optimistic."""
    chosen = pick(points, base, variant, margin)
    aim = "the base's best quality" + (f" (within {chosen.within:.2g})" if chosen.within else "")
    start = (
        f"Fastest settings that reach {aim}"
        if chosen.holds
        else f"No setting of this variant reaches {aim}; the closest"
    )
    without, with_it = (
        (label_phrase(points, row), *points.iloc[row][["quality", "nfe"]])
        for row in (chosen.base, chosen.axon)
    )
    return (
        f"{start}: {without[0]} without AXON ({without[1]:.3f} at {without[2]:.1f} NFE), "
        f"{with_it[0]} with AXON ({with_it[1]:.3f} at {with_it[2]:.1f}); selected on the same examples."
    )


def fastest_at(bar: float, rows: Indices, quality_S: Floats, nfe_S: Floats) -> int:
    """The row with the lowest NFE among those with quality >= bar; the best one if none reaches it."""
    reaching = rows[quality_S[rows] >= bar]
    if len(reaching):
        return int(reaching[np.lexsort((-quality_S[reaching], nfe_S[reaching]))[0]])
    return int(rows[np.lexsort((nfe_S[rows], -quality_S[rows]))[0]])
