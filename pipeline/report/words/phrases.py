"""Parts of the report's sentences: numbers with their intervals, counted things, the names of variants."""

import math
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.counted import counted as counted
from pipeline.report.comparisons.cohorts import Side
from pipeline.report.data.labels import NO_VALUE, joined, knob_columns, value_text
from pipeline.report.statistics.stats import Interval

WORD = re.compile(r"[\w.+-]+")


def number(value: float, digits: int) -> str:
    """With so many decimals; a dash where it is unknown."""
    return NO_VALUE if math.isnan(value) else f"{value:.{digits}f}"


def bracketed(lo: float, hi: float, digits: int) -> str:
    """An interval's ends after its estimate, ` [0.74, 0.92]`; nothing where they are unknown."""
    return "" if math.isnan(lo) else f" [{lo:.{digits}f}, {hi:.{digits}f}]"


def signed(interval: Interval, digits: int) -> str:
    """`+0.041 [+0.018, +0.066]`; without an interval where none is known."""
    estimate, lo, hi = (_sign(value, _telling(interval, digits)) for value in interval)
    return estimate if math.isnan(interval.lo) else f"{estimate} [{lo}, {hi}]"


def reduction(saved: Interval) -> str:
    """A saved fraction as a change in percent: `-25 % [-29 %, -20 %]`; without an interval where none is known."""
    change = Interval(*(-value * 100 for value in (saved.estimate, saved.hi, saved.lo)))
    estimate, lo, hi = (_sign(value, _telling(change, 0)) for value in change)
    return f"{estimate} %" if math.isnan(saved.lo) else f"{estimate} % [{lo} %, {hi} %]"


def _telling(interval: Interval, digits: int) -> int:
    """Up to two decimals more where an interval that leaves out 0 would read as one that ends there."""
    if not interval.lo * interval.hi > 0:
        return digits
    more = (own for own in range(digits, digits + 3) if all(round(end, own) for end in interval[1:]))
    return next(more, digits)


def _sign(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:+.{digits}f}"  # no -0.000


def listed(texts: Sequence[str]) -> str:
    """`a, b and c`"""
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def quoted(name: str) -> str:
    """A group's name within a sentence: in quotation marks, unless it is one word."""
    return name if WORD.fullmatch(name) else f"“{name}”"


def label_phrase(points: pd.DataFrame, row: int) -> str:
    """What a setting is called within a sentence: its knobs, or the group that it alone makes up."""
    label, group = (str(points[name].iloc[row]) for name in ("label", "group"))
    return f"group {quoted(group)}" if label == group else label


def variant_phrase(points: pd.DataFrame, variant: Side, base: Side) -> str:
    """`variant_text` within a sentence: `anchors=1 in group axon`."""
    group, names = _variant(points, variant, base)
    parts = (" ".join(names), f"group {quoted(group)}" if group else "")
    return " in ".join(part for part in parts if part)


def variant_text(points: pd.DataFrame, variant: Side, base: Side) -> str:
    """The knobs that define a variant, with all values that decode alike (`anchors=1|2|4`).

    Preceded by its group, the first of a variant that several runs have, where several groups use AXON. Knobs that
    vary within the variant (the trade-off parameter, the seed) are left out.
    """
    group, names = _variant(points, variant, base)
    return " ".join([group, *names] if group else names)


def _variant(points: pd.DataFrame, variant: Side, base: Side) -> tuple[str, list[str]]:
    """The group, empty where it need not be told, and the knobs."""
    group_of = points["group"].tolist()
    group = str(group_of[variant.members[0][0]])
    own = [row for row in variant.members[0] if group_of[row] == group]
    alike, names = np.concatenate(variant.members), []
    # Lists, as this is asked for every variant and a table of points has a hundred columns.
    for column in knob_columns(points):
        known = points[column].tolist()
        values = {value_text(known[row]) for row in own}
        without = {value_text(known[row]) for row in base.members[0]}
        if len(values) > 1 or values <= {NO_VALUE} or values == without:
            continue
        told = [known[row] for row in alike if value_text(known[row]) != NO_VALUE]
        names.append(f"{column.removeprefix('knob.')}={joined(told)}")
    groups = points.loc[points["axon"], "group"].nunique()
    return (group if groups > 1 or not names else ""), names
