"""The two settings one would run, in a sentence."""

import pandas as pd

from pipeline.report.comparisons.cohorts import Side
from pipeline.report.comparisons.picks import pick
from pipeline.report.words.phrases import label_phrase


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
