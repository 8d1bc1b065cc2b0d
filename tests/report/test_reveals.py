"""Anchors beside a careful decode: what kind of reveal a token is, and whether it differs."""

from __future__ import annotations

import pandas as pd

from pipeline.report.reveals import ANCHORS, BASE, NEITHER, OWN, Tally, reveals

ROWS = pd.DataFrame(
    {
        "example_id": ["a"],
        "tokens": [[1, 2, 3, 0, 0]],
        "revealed_at": [[0, 1, 2, 3, 0]],
        "axon_steps": [[0, 1]],
        "unsupported_steps": [[1]],
        "tokens_to_eos": [3],
        "score": [1.0],
    }
)


def test_a_token_is_an_anchor_the_decoders_or_neither() -> None:
    kind, stage = reveals(ROWS, with_axon=True)
    assert kind.tolist() == [[ANCHORS, NEITHER, OWN, OWN, NEITHER]]
    assert stage[0, :4].tolist() == [0, 1, 2, 3]  # none, 1/4, 2/4, 3/4 of the text stood
    kind, _ = reveals(ROWS, with_axon=False)
    assert kind.tolist() == [[BASE] * 4 + [NEITHER]]


def test_tokens_that_differ_are_counted_by_kind() -> None:
    tally = Tally(pd.DataFrame({"example_id": ["b", "a"], "tokens": [[9] * 5, [7, 2, 3, 5, 0]]}), values=1)
    tally.add(ROWS, 0, with_axon=True)
    assert tally.tokens_CNVE.sum(axis=(2, 3)).tolist() == [[0, 1], [0, 2], [0, 0]]
    assert tally.differ_CNVE.sum(axis=(2, 3)).tolist() == [[0, 1], [0, 1], [0, 0]]
    assert tally.score_2N.tolist() == [[0, 1], [0, 0]]
