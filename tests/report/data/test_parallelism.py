"""Spearman's correlation with left to right, and average finalisation parallelism."""

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from axon.trace import NOT_DECODED
from pipeline.report.data.order import places
from pipeline.report.data.parallelism import afp, spearman_rho

decodes = st.lists(st.lists(st.integers(-1, 5), max_size=12), max_size=4)


def matrix(rows):
    flat = np.array([step for steps in rows for step in steps], dtype=np.int64)
    return places(flat, np.array([len(steps) for steps in rows], dtype=np.int64))


@given(decodes)
def test_spearman_is_parallelbenchs(rows: list[list[int]]) -> None:
    """The steps against the same steps sorted, of each decode alone, whatever the lengths of the others."""
    expected = []
    for steps in rows:
        own = [step for step in steps if step != NOT_DECODED]
        expected.append(spearmanr(sorted(own), own).statistic if len(set(own)) > 1 else nan)
    assert spearman_rho(matrix(rows)).tolist() == pytest.approx(expected, nan_ok=True)


@given(decodes)
def test_afp_is_tokens_by_distinct_steps(rows: list[list[int]]) -> None:
    expected = []
    for steps in rows:
        own = [step for step in steps if step != NOT_DECODED]
        expected.append(len(own) / len(set(own)) if own else nan)
    assert afp(matrix(rows)).tolist() == pytest.approx(expected, nan_ok=True)


def test_the_ends_of_both() -> None:
    found = matrix([[0, 1, 2, 3], [3, 2, 1, 0], [0, 0, 1, 1], [2, 2, 2, 2]])
    assert spearman_rho(found).tolist() == pytest.approx([1, -1, 1, nan], nan_ok=True)
    assert afp(found).tolist() == [1, 1, 2, 4]
