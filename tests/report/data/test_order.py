"""The decoding order's correlation with left to right."""

from itertools import combinations
from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon.trace import NOT_DECODED
from pipeline.report.data.order import kendall_tau, places


@given(rows=st.lists(st.lists(st.integers(-1, 5), max_size=12), max_size=4))
def test_kendall_tau_is_the_balance_of_pairs(rows: list[list[int]]) -> None:
    """Of each decode alone, whatever the lengths of the others."""
    expected = []
    for steps in rows:
        pairs = [(a, b) for a, b in combinations(steps, 2) if NOT_DECODED not in (a, b)]
        balance = sum((b > a) - (b < a) for a, b in pairs)
        apart = sum(a != b for a, b in pairs)
        expected.append(balance / (apart * len(pairs)) ** 0.5 if apart else nan)
    flat = np.array([step for steps in rows for step in steps], dtype=np.int64)
    found = kendall_tau(places(flat, np.array([len(steps) for steps in rows], dtype=np.int64)))
    assert found.tolist() == pytest.approx(expected, nan_ok=True)
