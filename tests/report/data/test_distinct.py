"""Settings with identical decodes are one row and one point, whose name has every value."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.data.distinct import ALIKE, share_rows
from tests.report.counts import count, decode_alike
from tests.report.sweep import make_sweep
from tests.report.verdict import facet_of
from tests.report.written import Page, points_of, printed, summary_of, write

pytestmark = pytest.mark.slow


def six_settings_three_decodes():
    sweep = count(make_sweep(gain=1.0, examples=30, anchors=(1, 2, 4), thresholds=(0.3, 0.7)))
    return decode_alike(decode_alike(sweep, "0.3-1", "0.3-2", "0.3-4"), "0.7-2", "0.7-4")


def test_shared_rows_in_terminal_page_and_picture_but_not_in_the_table(tmp_path):
    report = write(tmp_path, six_settings_three_decodes())
    assert "6 settings, 3 distinct decodes, on 30 arith examples" in summary_of(report).swept
    text = printed(report)
    rows = [line.split() for line in text.splitlines() if " AXON " in line and "[" in line and "." in line][
        :3
    ]
    assert [row[2:5] for row in rows] == [
        ["0.3", "1|2|4", "x3"],
        ["0.7", "1", rows[1][4]],
        ["0.7", "2|4", "x2"],
    ]
    assert len(pd.read_csv(report.table)) == 6 and pd.read_csv(report.table)["decode"].nunique() == 3

    page = Page(report.page.read_text(encoding="utf-8"))
    [table] = page.tables
    assert len(table["points"]) == 3
    assert sorted(page.points) == list(range(6))  # each setting can still be found
    (figure,) = page.figures
    drawn = [row["points"][0] for row in figure["rows"]]
    assert list(points_of(report)["setting_id"].loc[sorted(drawn)]) == ["0.3-1", "0.7-1", "0.7-2"]


def test_a_row_names_every_value_and_counts_its_settings(tmp_path):
    points = points_of(write(tmp_path, six_settings_three_decodes()))
    shared = share_rows(points)
    assert list(shared["label"]) == [
        "threshold=0.3 anchors=1|2|4 x3",
        "threshold=0.7 anchors=1",
        "threshold=0.7 anchors=2|4 x2",
    ]
    assert [len(own) for own in shared["setting_ids"]] == list(shared["shares"]) == [3, 1, 2]
    assert sorted(sid for own in shared["setting_ids"] for sid in own) == sorted(points["setting_id"])
    assert [points["setting_id"].loc[list(own)].tolist() for own in shared["members"]] == [
        list(own) for own in shared["setting_ids"]
    ]


def test_what_decodes_alike_under_two_caches_costs_two_things_and_is_two_rows():
    points = facet_of(six_settings_three_decodes()).points
    points.loc[points.index[:1], "cache"] = "block"
    assert share_rows(points)["shares"].tolist() == [1, 1, 2, 2]


def test_nothing_is_shared_across_groups_or_where_a_score_is_missing(tmp_path):
    sweep = decode_alike(
        count(make_sweep(examples=30, anchors=(None, 1, 2), thresholds=(0.3,))), "0.3-None", "0.3-1"
    )
    decode_alike(sweep, "0.3-1", "0.3-2")
    sweep.rows[-1]["score"] = None  # of 0.3-2
    assert len(share_rows(points_of(write(tmp_path, sweep)))) == 3


def test_distinct_settings_stay_as_they_are(tmp_path):
    points = points_of(write(tmp_path, make_sweep(examples=30)))
    pd.testing.assert_frame_equal(share_rows(points)[list(points.columns)], points)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from([0.5, float("nan")])),
        max_size=9,
    )
)
def test_every_point_is_in_one_row_and_a_row_has_the_numbers_of_its_first(drawn):
    """Under index labels that are not places, as of a part of the points."""
    points = pd.DataFrame(
        {
            "setting_id": [f"s{place}" for place in range(len(drawn))],
            "group": [group for group, _, _ in drawn],
            "cache": "none",
            "decode": [decode for _, decode, _ in drawn],
            "n": 3,
            "quality": [quality for _, _, quality in drawn],
            "batch_seconds": [float(place) for place in range(len(drawn))],
            "knob.anchors": np.arange(len(drawn)).astype("object"),
            "label": [f"anchors={place}" for place in range(len(drawn))],
        },
        index=range(10, 10 + len(drawn)),
    )
    shared = share_rows(points)
    places = [place - 10 for members in shared["members"] for place in members]
    assert sorted(places) == list(range(len(drawn)))
    keys = [tuple(map(str, key)) for key in drawn]
    assert len(shared) == len(set(keys)) and sorted(shared["shares"].tolist()) == sorted(
        map(keys.count, set(keys))
    )
    for row in shared.to_dict("records"):
        own = [place - 10 for place in row["members"]]
        assert own == [place for place, key in enumerate(keys) if key == keys[own[0]]]
        assert row["setting_ids"] == tuple(f"s{place}" for place in own)
        assert row["knob.anchors"] == (own[0] if len(own) == 1 else "|".join(map(str, own)))
        assert row["batch_seconds"] == sum(own) / len(own)
        assert [str(row[name]) for name in ALIKE] == [str(points.iloc[own[0]][name]) for name in ALIKE]
    assert shared["members"].tolist() == sorted(shared["members"], key=lambda own: own[0])
