"""Small parts of the report's sentences: numbers with their intervals, counted things, names of variants."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.report.cohorts import Side
from pipeline.report.labels import NO_VALUE, joined, knob_columns, value_text
from pipeline.report.stats import Interval


def signed(interval: Interval, digits: int) -> str:
    """`+0.041 [+0.018, +0.066]`"""
    estimate, lo, hi = (_sign(value, digits) for value in interval)
    return f"{estimate} [{lo}, {hi}]"


def fewer(share: Interval) -> str:
    """A share saved as the change it makes: `-25 % [-29 %, -20 %]`."""
    estimate, lo, hi = (_sign(-value * 100, 0) for value in (share.estimate, share.hi, share.lo))
    return f"{estimate} % [{lo} %, {hi} %]"


def _sign(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:+.{digits}f}"  # no -0.000


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(texts: Sequence[str]) -> str:
    """`a, b and c`"""
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def variant_text(points: pd.DataFrame, variant: Side, base: Side) -> str:
    """The knobs that set this variant, with every value that decodes alike (`anchors=1|2|4`), and its group if others
    use AXON too. A knob that moves along the variant's line (the speed, the seed) is none of them.
    """
    own = points.iloc[variant.members[0]]
    alike = points.iloc[np.concatenate(variant.members)]
    without = points.iloc[base.members[0]]
    names = []
    for column in knob_columns(points):
        values = {value_text(value) for value in own[column]}
        if len(values) > 1 or values <= {NO_VALUE} or values == {value_text(v) for v in without[column]}:
            continue
        names.append(f"{column.removeprefix('knob.')}={joined(alike[column])}")
    groups = points.loc[points["axon"], "group"].nunique()
    group = str(own["group"].iloc[0])
    return " ".join([group, *names] if groups > 1 or not names else names)
