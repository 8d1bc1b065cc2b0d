"""How intervals are written."""

import math
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import axon
import pipeline
from pipeline.report.statistics.stats import Interval
from pipeline.report.words.percent import percent
from pipeline.report.words.phrases import reduction, signed

ends = st.floats(0.001, 5, allow_subnormal=False)


def numbers(text):
    return [float(own) for own in re.findall(r"[+-][\d.]+", text)]


@given(ends, ends, st.sampled_from([-1, 1]))
def test_an_interval_that_leaves_out_0_is_not_written_as_one_that_ends_there(one, other, sign):
    lo, hi = sorted((sign * one, sign * other))
    for digits in (1, 3):
        _, low, high = numbers(signed(Interval((lo + hi) / 2, lo, hi), digits))
        assert low * high > 0
    _, low, high = numbers(reduction(Interval((lo + hi) / 10, lo / 5, hi / 5)))
    assert low * high > 0


def test_a_share_is_written_as_a_reduction_is():
    """With a space: Python's own format has none."""
    assert (percent(0.274), percent(0.274, 1)) == ("27 %", "27.4 %")
    assert reduction(Interval(0.274, 0.274, 0.274)) == "-27 % [-27 %, -27 %]"
    sources = [*Path(pipeline.__path__[0]).rglob("*.py"), *Path(axon.__path__[0]).rglob("*.py")]
    assert not [file.name for file in sources if re.search(r":[+,]?\.\d%\}", file.read_text())]


def test_where_no_interval_is_known_the_estimate_stands_alone():
    alone = Interval(0.25, math.nan, math.nan)
    assert (signed(alone, 3), reduction(alone)) == ("+0.250", "-25 %")


def test_other_intervals_have_the_digits_that_are_asked_for():
    assert signed(Interval(-1.16, -1.52, -0.04), 1) == "-1.16 [-1.52, -0.04]"
    assert signed(Interval(-1.16, -1.52, 0.04), 1) == "-1.2 [-1.5, +0.0]"
    assert signed(Interval(0.0, 0.0, 0.0), 3) == "+0.000 [+0.000, +0.000]"
    assert reduction(Interval(0.27, 0.01, 0.33)) == "-27 % [-33 %, -1 %]"
    assert reduction(Interval(0.27, 0.001, 0.33)) == "-27.0 % [-33.0 %, -0.1 %]"
