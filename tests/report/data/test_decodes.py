"""Identical decodes are found, and nothing else is considered identical."""

import pandas as pd
import pytest

from pipeline.report.data.decodes import decode_hashes
from pipeline.report.data.measures import measured

ROW = {"example_id": "a", "position": 0, "tokens": [1, 2], "revealed_at": [0, 1], "nfe": 2.0}


def hashes(*settings):
    rows = [{"point": point, **ROW, **own} for point, owns in enumerate(settings) for own in owns]
    return decode_hashes(measured(pd.DataFrame(rows)), [f"setting {point}" for point in range(len(settings))])


def test_same_traces_same_hash_whatever_the_order():
    second = {"example_id": "b", "position": 1, "tokens": [3, 4]}
    first, other = hashes([{}, second], [second, {}])
    assert first == other


@pytest.mark.parametrize(
    "change",
    [
        {"tokens": [1, 3]},
        {"revealed_at": [0, 0]},
        {"example_id": "b"},
        {"nfe": 3.0},  # a block was full, and edited on
        {"tokens": [1], "revealed_at": [2, 0, 1]},
    ],
)
def test_another_token_step_or_example_is_another_decode(change):
    first, other = hashes([{}], [change])
    assert first != other


def test_an_example_more_is_another_decode():
    first, other = hashes([{}], [{}, {"example_id": "b", "position": 1}])
    assert first != other


def test_what_was_not_decoded_or_holds_no_trace_is_equal_to_none():
    found = hashes(
        [{"nfe": float("nan")}], [{"nfe": float("nan")}], [{"tokens": None}], [{"tokens": None}], []
    )
    assert len(set(found)) == 5
