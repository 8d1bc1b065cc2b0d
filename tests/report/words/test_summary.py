"""The sentence on the Pareto front counts what there is of what it names."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.report.words.summary import _front


@pytest.mark.parametrize(
    ("decodes", "told"),
    {
        ("b", "b", "a", "a"): "2 distinct decodes (1 base, 1 axon)",
        ("b", "c", "a", "d"): "4 settings (2 base, 2 axon)",
        # Both groups have the one decode there is: two rows, but not two distinct decodes.
        ("b", "b", "b", "b"): "4 settings (2 base, 2 axon)",
    }.items(),
)
def test_decodes_of_two_groups_are_not_counted_as_distinct(decodes: tuple[str, ...], told: str) -> None:
    points = pd.DataFrame(
        {
            "setting_id": list("wxyz"),
            "group": ["base", "base", "axon", "axon"],
            "label": ["t=1", "t=2"] * 2,
            "knob.t": [1, 2] * 2,
            "decode": decodes,
            "cache": "none",
            "n": 12,
            "quality": 0.5,
            "nfe": 1.0,
            "batch_seconds": 0.1,
            "front": True,
        }
    )
    assert _front(points).startswith(f"The Pareto front holds {told}, quality 0.500 at 1.0")
