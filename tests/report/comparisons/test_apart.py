"""Answers from elsewhere to none of the examples that were decoded here: the report says so."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.report.words.summary import _foreign

APART = "1 point from elsewhere without an answer to any example decoded here"


@pytest.mark.parametrize(
    ("n", "unscored", "beside", "told"),
    [(0, 0, True, True), (0, 3, True, False), (4, 0, True, False), (0, 0, False, False)],
)
def test_what_shares_no_example_is_told(n: int, unscored: int, beside: bool, told: bool) -> None:
    theirs = {"foreign": True, "group": "theirs", "n": n, "unscored": unscored, "nfe": 29.0}
    ours = {"foreign": False, "group": "base", "n": 3, "unscored": 0, "nfe": 16.0}
    lines = _foreign(pd.DataFrame([theirs, ours] if beside else [theirs]))
    assert any(line.startswith(APART) for line in lines) == told
