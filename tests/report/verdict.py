"""What a made-up sweep is answered, and ways to change one before it is asked."""

import numpy as np
import pandas as pd

from pipeline.report import find
from pipeline.report.comparison import compare
from pipeline.report.decodes import decode_hashes
from pipeline.report.points import clean, outcomes
from tests.report.sweep import TRADE_OFF


def found_in(sweep, trade_off=TRADE_OFF):
    return find(sweep.settings, sweep.records, sweep.labels, trade_off)


def answers(sweep, trade_off=TRADE_OFF):
    """Without the points' own figures, of which a comparison needs none."""
    rows = clean(sweep.settings, sweep.records)
    found = outcomes(sweep.settings, rows)
    decodes = decode_hashes(rows, sweep.settings)
    points = pd.DataFrame(
        {
            "decode": list(decodes.values()),
            "complete": ~np.isnan(found.quality_SN).all(axis=1),
            "axon_empty": np.nan,
        }
    )
    return compare(sweep.settings, points, found, trade_off)


def text(sweep, trade_off=TRADE_OFF):
    return found_in(sweep, trade_off).summary.verdict


def add_copy(sweep, name, change, score=None):
    """Every setting once more under another name, its description changed, its records kept (their scores perhaps)."""
    for setting_id in list(sweep.settings):
        other = f"{name}-{setting_id}"
        sweep.settings[other] = change(sweep.settings[setting_id])
        sweep.labels[other] = sweep.labels[setting_id]
        own = [row for row in sweep.rows if row["setting_id"] == setting_id]
        sweep.rows += [
            row | {"setting_id": other, "score": score(row) if score else row["score"]} for row in own
        ]
    return sweep


def flip(sweep, chance, seed=0, only=lambda row: True):
    """Luck of its own in some rows: a score turned round."""
    rng = np.random.default_rng(seed)
    for row in sweep.rows:
        if rng.random() < chance and only(row):
            row["score"] = 1 - row["score"]
    return sweep
