"""Which decode the anchors are compared with."""

from dataclasses import replace

import pytest

from tests.report.comparisons.test_anchor_calibration import calibrated, made
from tests.report.sweep import changed
from tests.report.verdict import facet_of


@pytest.mark.slow
def test_a_decoder_that_takes_tokens_back_is_no_reference_where_there_is_another() -> None:
    """Its steps may have no end; by themselves they make no decode careful."""
    sweep = made(lambda kind, threshold, confidence: 0.1, lambda threshold: 5)
    alone = sweep.settings["0.9-None"]
    sweep.settings["edits"] = replace(changed(alone, decoder="joint_threshold"), id="edits", group="edits")
    own = [row for row in sweep.rows if row["setting_id"] == "0.9-None"]
    sweep.rows += [row | {"setting_id": "edits", "nfe": row["nfe"] + 9} for row in own]
    (one,) = facet_of(sweep).calibrations
    assert (
        one.decoder == "confidence"
        and one.reference == calibrated(made(lambda *_: 0.1, lambda _: 5)).reference
    )
