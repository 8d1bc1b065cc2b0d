"""What a simulated sweep is told, and ways to change one beforehand."""

from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.report import find
from pipeline.report.comparisons.comparison import Evidence, compare
from pipeline.report.data.points import decodes_of
from pipeline.report.data.records import clean
from pipeline.report.data.whole import in_memory
from pipeline.report.entries import split
from pipeline.report.statistics.sample import make_sample


def found_in(sweep):
    """The findings of a sweep with a single facet."""
    return find([sweep.run], sweep.records)


def facet_of(sweep):
    (facet,) = found_in(sweep).facets
    return facet


def compared(sweep):
    """The comparisons without the points' own figures, which they don't need."""
    (part,) = split([sweep.run], ["sweep"], clean(sweep.records), in_memory(sweep.records))
    sample = make_sample(part.averaged, len(part.entries))
    points = pd.DataFrame(
        {
            "decode": decodes_of(part),
            "complete": ~np.isnan(sample.quality_SN).all(axis=1),
            "axon_empty": np.nan,
        }
    )
    (own,) = compare([Evidence(part.settings, points, sample)])
    return own


def text(sweep):
    return found_in(sweep).verdict


def add_copy(sweep, name, change):
    """Every setting once more under another name, changed, with the same records."""
    for setting_id, setting in list(sweep.settings.items()):
        other = f"{name}-{setting_id}"
        sweep.settings[other] = replace(change(setting), id=other)
        own = [row for row in sweep.rows if row["setting_id"] == setting_id]
        sweep.rows += [row | {"setting_id": other} for row in own]
    return sweep


def flip(sweep, chance, seed=0):
    """Flips the score of random rows."""
    rng = np.random.default_rng(seed)
    for row in sweep.rows:
        if rng.random() < chance:
            row["score"] = 1 - row["score"]
    return sweep
