"""Anchors beside a careful decode: what kind of reveal a token is, and whether it differs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.report.data.reveals import ANCHORS, BASE, NEITHER, OWN, UNKNOWN, Tally, percents, reveals

ROWS = pd.DataFrame(
    {
        "example_id": ["a"],
        "tokens": [[1, 2, 3, 0, 0]],
        "revealed_at": [[0, 1, 2, 3, 0]],
        "confidence_percent": [[100, 95, None, 90, 30]],
        "axon_steps": [[0, 1]],
        "unsupported_steps": [[1]],
        "tokens_to_eos": [3],
        "score": [1.0],
    }
)


def test_a_token_is_an_anchor_the_decoders_or_neither() -> None:
    kind, stage = reveals(ROWS, with_axon=True)
    assert kind.tolist() == [[ANCHORS, NEITHER, OWN, OWN, NEITHER]]
    assert stage[0, :4].tolist() == [0, 1, 2, 3]  # none, 1/4, 2/4, 3/4 of the text revealed before
    kind, _ = reveals(ROWS, with_axon=False)
    assert kind.tolist() == [[BASE] * 4 + [NEITHER]]


def test_tokens_that_differ_are_counted_by_kind() -> None:
    tally = Tally(pd.DataFrame({"example_id": ["b", "a"], "tokens": [[9] * 5, [7, 2, 3, 5, 0]]}), values=1)
    tally.add(ROWS, 0, with_axon=True)
    assert tally.stages.of["tokens"].sum(axis=(2, 3)).tolist() == [[0, 1], [0, 2], [0, 0]]
    assert tally.stages.of["differ"].sum(axis=(2, 3)).tolist() == [[0, 1], [0, 1], [0, 0]]
    of_a = {name: own[:, 1, 0] for name, own in tally.confidences.of.items()}  # by kind and bin
    known = np.argwhere(of_a["tokens"]).tolist()
    assert known == [[ANCHORS, 10], [OWN, 9]]  # of 90 % it is 90 to 99 %; of unknown confidence none
    assert of_a["differ"].sum(axis=1).tolist() == [1, 1, 0]
    assert of_a["confidence"].sum(axis=1).tolist() == [1.0, 0.9, 0]
    assert of_a["score"].sum(axis=1).tolist() == [1, 1, 0]
    assert tally.score_2N.tolist() == [[0, 1], [0, 0]]


def test_what_has_no_confidence_is_unknown_and_never_0() -> None:
    """Older records have none, imported ones neither, a token that no step revealed has none among others."""
    lists = [None, float("nan"), [0, 7], np.array([np.nan, 3.0, 5.0, 9.0])]
    assert percents(lists, 3).tolist() == [[UNKNOWN] * 3, [UNKNOWN] * 3, [0, 7, UNKNOWN], [UNKNOWN, 3, 5]]
